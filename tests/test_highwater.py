"""The mark beside the ledger: the file, and when the ledger writes it."""

from __future__ import annotations

import contextlib
import re
import resource
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.models import SECOND
from exporter.store import LedgerError, Store, highwater
from exporter.store.highwater import HighWater
from tests.clocks import START
from tests.ledgers import LAYOUT, LIST, OTHER_LIST, opened
from tests.marks import counted, mark_of, page


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


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


def test_a_mark_of_the_first_version_does_not_know_when_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db.mark"
    path.write_bytes(b'{"epoch":"e","commits":1,"proven":{"acme/completions":2}}')
    assert highwater.read(path) == HighWater("e", 1, {"acme/completions": 2}, 0)


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
