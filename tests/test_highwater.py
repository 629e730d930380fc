"""The mark beside the ledger tells a first start, a lost ledger and one restored from an older copy apart."""

from __future__ import annotations

import contextlib
import re
import resource
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.counting import layout as slots
from exporter.counting.coverage import Coverage
from exporter.counting.history import History
from exporter.counting.layout import Layout
from exporter.counting.ledger import RowKey
from exporter.counting.totals import Recount
from exporter.models import MICRO, SECOND, SeriesKey, SourceKey
from exporter.store import Changes, LedgerCorrupt, LedgerError, Store, highwater, ledgerfile
from exporter.store.highwater import HighWater
from tests.clocks import START

LAYOUT = Layout.of(duration=[SECOND], time_to_first_token=[SECOND], output_length=[10], cost=[MICRO])
LIST = SourceKey("acme", "completions")
OTHER_LIST = SourceKey("acme", "requests")
SERIES = SeriesKey("acme", "completions", "m", "s", "success", "false")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Store]:
    with closing(Store(path, LAYOUT)) as store:
        store.load()
        yield store


def page(number: int, source: SourceKey = LIST) -> Changes:
    """The ``number``-th page of a list, from 0: one row, and the list proven for another second."""
    values = [0] * LAYOUT.size
    values[slots.COMPLETIONS] = number + 1
    history = History(top=0, done=0)
    covered = Coverage(origin=0, proven=START + number * SECOND, horizon=0, max_lateness=0, history=history)
    return Changes(source, covered, settled={RowKey(START // SECOND + number, number): 16}, series={SERIES: values})


def counted(store: Store) -> int:
    return store.load().totals.get(SERIES, [0])[slots.COMPLETIONS]


def mark_of(path: Path) -> HighWater:
    mark = highwater.read(highwater.mark_path(path))
    assert mark is not None
    return mark


def crash_copy(path: Path, to: Path) -> None:
    """Copy what a process that is killed now would leave behind."""
    to.parent.mkdir()
    for file in path.parent.iterdir():
        if file.is_file():
            shutil.copy(file, to.parent / file.name)


# The file


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
marks = st.builds(HighWater, names, st.integers(0, 2**62), st.dictionaries(names, st.integers(0, 2**62), max_size=5))


@given(mark=marks)
def test_a_mark_reads_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, mark: HighWater) -> None:
    path = tmp_path_factory.getbasetemp() / "round.mark"
    highwater.write(path, mark)
    assert highwater.read(path) == mark


def test_a_mark_is_replaced_whole_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db.mark"
    highwater.write(path, HighWater("e", 10**9, {f"acme/{n}": n for n in range(100)}))
    highwater.write(path, HighWater("e", 2, {}))
    assert highwater.read(path) == HighWater("e", 2, {})
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_crash_left_of_a_mark_is_used_up_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db.mark"
    path.with_name("ledger.db.mark.new").write_bytes(b'{"epoch":"e","commits":10000000000')
    highwater.write(path, HighWater("e", 2, {}))
    assert highwater.read(path) == HighWater("e", 2, {})
    assert list(tmp_path.iterdir()) == [path]


def test_a_mark_that_cannot_be_written_whole_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db.mark"
    highwater.write(path, HighWater("e", 1, {}))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))  # as on a disk with room for ten bytes
    try:
        with contextlib.suppress(OSError):
            highwater.write(path, HighWater("e", 2, {}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert highwater.read(path) == HighWater("e", 1, {})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 80,
        b'{"epoch":"e","commits":1',
        b"[]",
        b'{"epoch":"e"}',
        b'{"epoch":1,"commits":"x","proven":{}}',
        b'{"epoch":"\xff","commits":1,"proven":{}}',
    ],
    ids=["empty", "zeros", "cut", "no object", "incomplete", "other types", "no text"],
)
def test_a_mark_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.db.mark"
    path.write_bytes(content)
    assert highwater.read(path) is None


def test_a_mark_that_is_absent_or_a_directory_is_none(tmp_path: Path) -> None:
    assert highwater.read(tmp_path / "absent") is None
    assert highwater.read(tmp_path) is None


def test_a_mark_lies_beside_its_ledger_and_names_each_list(tmp_path: Path) -> None:
    assert highwater.frontier_key(LIST) == "acme/completions"
    assert highwater.mark_path(tmp_path / "ledger.db") == tmp_path / "ledger.db.mark"


# What the ledger writes


def test_every_page_moves_the_mark(path: Path) -> None:
    with opened(path) as store:
        seen = [mark_of(path)]
        assert (seen[0].commits, seen[0].proven) == (0, {})
        for number in range(3):
            store.commit(page(number))
            seen.append(mark_of(path))
        store.commit(page(0, OTHER_LIST))
    frontiers = [mark.proven.get("acme/completions") for mark in seen]
    assert frontiers == [None, START, START + SECOND, START + 2 * SECOND]
    assert sorted({mark.commits for mark in seen}) == [mark.commits for mark in seen]
    assert {mark.epoch for mark in seen} == {seen[0].epoch}
    assert mark_of(path).proven == {"acme/completions": START + 2 * SECOND, "acme/requests": START}


def test_a_restart_keeps_what_the_mark_says_of_the_other_lists(path: Path) -> None:
    with opened(path) as store:
        store.commit(page(0, OTHER_LIST))
    with opened(path) as store:
        store.commit(page(1))
    assert mark_of(path).proven == {"acme/completions": START + SECOND, "acme/requests": START}


def test_a_mark_that_cannot_be_written_does_not_fail_the_commit(path: Path) -> None:
    highwater.mark_path(path).mkdir()
    with opened(path) as store:
        store.commit(page(0))
    with opened(path) as store:
        assert counted(store) == 1


def test_the_mark_says_when_the_last_page_was_listed_over_restarts(path: Path) -> None:
    with opened(path) as store:
        assert mark_of(path).observed == 0
        store.commit(replace(page(0), observed=START))
        assert mark_of(path).observed == START
        store.commit(replace(page(1), observed=START - 1))  # an answer that came late
        assert mark_of(path).observed == START
    with opened(path) as store:
        store.commit_counters({("f", ()): 1})
    assert mark_of(path).observed == START


def test_a_mark_that_cannot_be_read_names_the_ledger(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(highwater, "read", fail)
    with pytest.raises(LedgerError, match=re.escape(f"the ledger {path} cannot be used: [Errno 5]")):
        Store(path, LAYOUT)
    assert not path.exists()


# First start, and ordinary ones


def test_a_first_start_has_lost_nothing(path: Path) -> None:
    with opened(path) as store:
        assert not store.rolled_back
        assert store.lost_frontier(LIST) is None


def test_an_ordinary_restart_has_lost_nothing(path: Path) -> None:
    for number in range(3):
        with opened(path) as store:
            assert not store.rolled_back
            assert store.lost_frontier(LIST) is None
            store.commit(page(number))
            store.commit_counters({("f", ()): 1})  # commits that the mark does not know of
            store.release({SERIES: 1})
            store.record_request("acme", START)


@pytest.mark.parametrize("content", [None, b"", b"{"], ids=["absent", "empty", "cut"])
def test_an_unreadable_mark_is_none(path: Path, content: bytes | None) -> None:
    with opened(path) as store:
        store.commit(page(0))
    mark = highwater.mark_path(path)
    if content is None:
        mark.unlink()
    else:
        mark.write_bytes(content)
    with opened(path) as store:
        assert not store.rolled_back
        assert counted(store) == 1
        store.commit(page(1))
    assert mark_of(path).proven == {"acme/completions": START + SECOND}
    path.unlink()
    mark.write_bytes(b"{")
    with opened(path) as store:
        assert store.lost_frontier(LIST) is None


# Lost


def lose(path: Path) -> None:
    with opened(path) as store:
        store.commit(page(5))
        store.commit(page(7, OTHER_LIST))
    path.unlink()


def test_a_lost_ledger_is_told_from_a_first_start(path: Path) -> None:
    lose(path)
    with opened(path) as store:
        assert not store.rolled_back
        assert store.lost_frontier(LIST) == START + 5 * SECOND
        assert store.lost_frontier(OTHER_LIST) == START + 7 * SECOND
        assert store.lost_frontier(SourceKey("acme", "executions")) is None


def test_the_mark_of_a_lost_ledger_counts_no_commits_before_there_is_a_new_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(path)
    known = mark_of(path).proven

    def fail(path: Path) -> sqlite3.Connection:
        raise LedgerError("killed")

    monkeypatch.setattr(ledgerfile, "connect", fail)
    with pytest.raises(LedgerError, match="killed"):
        Store(path, LAYOUT)
    assert mark_of(path) == HighWater("", 0, known)


def test_a_ledger_left_empty_that_the_mark_counts_commits_of_is_damaged(path: Path) -> None:
    with opened(path) as store:
        store.commit(page(0))
        commits = mark_of(path).commits
    path.write_bytes(b"")
    with pytest.raises(LedgerCorrupt, match=rf"it is empty after {commits} commits"):
        Store(path, LAYOUT)


def restart(path: Path) -> None:
    with opened(path):
        pass


def restart_after_telemetry(path: Path) -> None:
    """A run whose polls all failed: only the exporter's own counters and requests were saved."""
    with opened(path) as store:
        store.record_request("acme", START)
        store.commit_counters({("vlmrun_exporter_polls_total", LIST): 1})


def restart_after_another_list(path: Path) -> None:
    """A run in which one list worked, and the other did not."""
    with opened(path) as store:
        store.commit(page(0, OTHER_LIST))


@pytest.mark.parametrize("between", [restart, restart_after_telemetry, restart_after_another_list])
def test_what_was_lost_is_not_forgotten_before_the_list_begins_anew(
    path: Path, between: Callable[[Path], None]
) -> None:
    lose(path)
    between(path)
    with opened(path) as store:
        assert not store.rolled_back
        assert store.lost_frontier(LIST) == START + 5 * SECOND


def test_a_lost_ledger_is_an_ordinary_one_once_every_list_has_begun_anew(path: Path) -> None:
    lose(path)
    with opened(path) as store:
        store.commit(page(8))
        store.commit(page(9, OTHER_LIST))
    with opened(path) as store:
        assert not store.rolled_back
    assert mark_of(path).proven == {"acme/completions": START + 8 * SECOND, "acme/requests": START + 9 * SECOND}


def test_a_ledger_lost_again_is_known_by_what_each_list_had_last_proven(path: Path) -> None:
    lose(path)
    restart_after_another_list(path)
    path.unlink()
    with opened(path) as store:
        assert not store.rolled_back
        assert store.lost_frontier(LIST) == START + 5 * SECOND
        assert store.lost_frontier(OTHER_LIST) == START


# Rolled back


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


def test_the_mark_is_what_the_next_version_can_read(tmp_path: Path) -> None:
    """Names on disk are not renamed: an exporter that is updated would take its ledger for a first start's."""
    path = tmp_path / "ledger.db.mark"
    highwater.write(path, HighWater("e", 1, {"acme/completions": 2}, 3))
    content = b'{"epoch":"e","commits":1,"proven":{"acme/completions":2},"observed":3}'
    assert path.read_bytes() == content + b"\n%08x" % zlib.crc32(content)


@pytest.mark.parametrize("digest", [b"\n00000000", b"\nx"], ids=["another", "of another form"])
def test_a_mark_that_is_not_what_was_written_is_none(tmp_path: Path, digest: bytes) -> None:
    path = tmp_path / "ledger.db.mark"
    path.write_bytes(b'{"epoch":"e","commits":1,"proven":{"acme/completions":2}}' + digest)
    assert highwater.read(path) is None


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


def test_a_mark_of_the_first_version_does_not_know_when_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db.mark"
    path.write_bytes(b'{"epoch":"e","commits":1,"proven":{"acme/completions":2}}')
    assert highwater.read(path) == HighWater("e", 1, {"acme/completions": 2}, 0)
