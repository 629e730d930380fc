"""The mark beside the ledger tells one restored from an older copy, or cut short, from the one that wrote it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.counting.totals import Recount
from exporter.models import SECOND
from exporter.store import highwater
from exporter.store.highwater import HighWater
from tests.clocks import START
from tests.ledgers import LIST, OTHER_LIST, opened
from tests.marks import counted, mark_of, page


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def crash_copy(path: Path, to: Path) -> None:
    """Copy what a process that is killed now would leave behind."""
    to.parent.mkdir()
    for file in path.parent.iterdir():
        if file.is_file():
            shutil.copy(file, to.parent / file.name)


def roll_back(path: Path) -> None:
    """Count three pages, copy the ledger, count another, and put the copy in its place."""
    copy = path.with_name("backup")
    for number in range(4):
        if number == 3:
            shutil.copy(path, copy)
        with opened(path) as store:
            store.commit(page(number))
    shutil.copy(copy, path)


def test_an_older_copy_is_noticed_until_it_is_made_good(path: Path) -> None:
    roll_back(path)
    ahead = mark_of(path)
    for _ in range(2):
        with opened(path) as store:
            assert store.rolled_back
            assert counted(store) == 3
            store.commit(page(2))
            assert mark_of(path) == ahead, "the mark is not taken back to what the copy knows"
    with opened(path) as store:
        store.commit(page(3))
        store.settle_rollback()
        assert not store.rolled_back
        assert mark_of(path).proven == {"acme/completions": START + 3 * SECOND}
    with opened(path) as store:
        assert not store.rolled_back
        assert counted(store) == 4


def test_what_has_to_be_counted_again_is_remembered_until_it_is_made_good(path: Path) -> None:
    copy = path.with_name("backup")
    for number in range(2):
        with opened(path) as store:
            store.commit(replace(page(number), observed=START + number))
        shutil.copy(path, copy) if number == 0 else shutil.copy(copy, path)
    for _ in range(2):
        with opened(path) as store:
            assert store.recount == Recount(since=START, until=START + 1)


def test_the_ledger_of_another_run_is_noticed(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "ledger.db"
    for ledger, pages in ((path, 1), (other, 9)):
        for number in range(pages):
            with opened(ledger) as store:
                store.commit(page(number))
    shutil.copy(other, path)
    with opened(path) as store:
        assert store.rolled_back


def test_a_ledger_killed_before_it_could_write_its_mark_is_in_order(path: Path) -> None:
    with opened(path) as store:
        store.commit(page(0))
    before = highwater.mark_path(path).read_bytes()
    with opened(path) as store:
        store.commit(page(1))
    highwater.mark_path(path).write_bytes(before)
    with opened(path) as store:
        assert not store.rolled_back
        assert counted(store) == 2


def lose_log(log: Path) -> None:
    log.unlink()


def cut_log(log: Path) -> None:
    log.write_bytes(log.read_bytes()[:-1])


def flip_in_log(log: Path) -> None:
    content = bytearray(log.read_bytes())
    content[-100] ^= 1
    log.write_bytes(content)


@pytest.mark.parametrize("damage", [lose_log, cut_log, flip_in_log])
def test_a_log_that_lost_its_last_commit_is_noticed(path: Path, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    killed = tmp_path / "killed" / "ledger.db"
    with opened(path) as store:
        store.commit(page(0))
    with opened(path) as store:
        store.commit(page(1))
        crash_copy(path, killed)
    damage(Path(f"{killed}-wal"))
    with opened(killed) as store:
        assert store.rolled_back
        assert counted(store) == 1


def test_a_copy_from_before_the_first_commit_is_noticed_and_what_it_does_not_know_is_a_gap(path: Path) -> None:
    with opened(path):
        pass
    copy = path.read_bytes()
    with opened(path) as store:
        store.commit(page(0))
        store.commit(page(3, OTHER_LIST))
    path.write_bytes(copy)
    with opened(path) as store:
        assert store.rolled_back
        assert (store.lost_frontier(LIST), store.lost_frontier(OTHER_LIST)) == (START, START + 3 * SECOND)


def test_a_list_that_the_copy_knows_goes_on_from_there_and_another_is_a_gap(path: Path) -> None:
    with opened(path) as store:
        store.commit(page(0))
    copy = path.read_bytes()
    with opened(path) as store:
        store.commit(page(1))
        store.commit(page(3, OTHER_LIST))
    path.write_bytes(copy)
    for _ in range(2):  # noted in the ledger
        with opened(path) as store:
            assert store.rolled_back
            assert (store.lost_frontier(LIST), store.lost_frontier(OTHER_LIST)) == (None, START + 3 * SECOND)
        highwater.mark_path(path).unlink(missing_ok=True)


def test_what_was_lost_before_is_still_lost_after_a_rollback(path: Path) -> None:
    with opened(path) as store:
        store.commit(page(2))
    path.unlink()
    with opened(path):  # knows that LIST was lost
        pass
    mark = HighWater("of another run", 5, {highwater.frontier_key(OTHER_LIST): START})
    highwater.write(highwater.mark_path(path), mark)
    with opened(path) as store:
        assert store.rolled_back
        assert (store.lost_frontier(LIST), store.lost_frontier(OTHER_LIST)) == (START + 2 * SECOND, START)


def test_once_it_is_made_good_the_mark_is_of_the_ledger_as_it_is_now(path: Path) -> None:
    with opened(path) as store:
        store.commit(page(0))
    copy = path.read_bytes()
    with opened(path) as store:
        for number in range(1, 9):
            store.commit(page(number))
    path.write_bytes(copy)
    with opened(path) as store:
        store.settle_rollback()
        assert (mark_of(path).epoch, mark_of(path).commits) == (store._epoch, store._commits)


def test_once_it_is_made_good_no_mark_of_before_counts_whatever_the_disk_does(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The marks of the ledger that was rolled back tell of more commits than there are now."""
    with opened(path) as store:
        store.commit(page(0))
    copy = path.read_bytes()
    with opened(path) as store:
        for number in range(1, 9):
            store.commit(page(number))
    path.write_bytes(copy)

    def fail(path: Path, mark: HighWater) -> None:
        raise OSError(28, "No space left on device")

    with opened(path) as store:
        store.commit(page(1))
        with monkeypatch.context() as patch:
            patch.setattr(highwater, "write", fail)
            store.settle_rollback()
        store.commit(page(2))
        commits = store._commits
    assert mark_of(path).commits == commits
    with opened(path) as store:
        assert not store.rolled_back
