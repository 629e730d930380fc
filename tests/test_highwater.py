"""The mark beside the ledger: the file, and when the ledger writes it."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """A disk on which files can have so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("write", [highwater.write, highwater.advance])
@pytest.mark.parametrize("commits", [2, 3])
@pytest.mark.parametrize("size", [10, 4096 + 10])
def test_a_mark_that_cannot_be_written_whole_leaves_the_one_before(
    tmp_path: Path, write: Callable[[Path, HighWater], None], commits: int, size: int
) -> None:
    path = tmp_path / "ledger.db.mark"
    before = HighWater("e", commits - 1, {})
    highwater.write(path, before)
    with room_for(size), contextlib.suppress(OSError):
        write(path, HighWater("e", commits, {}))
    whole = size > 4096 and commits == 2
    assert highwater.read(path) == (HighWater("e", commits, {}) if whole else before)


marks_of_any_length = st.dictionaries(names | st.just("long" * 1500), st.integers(0, 2**62), max_size=5)


@given(proven=st.lists(marks_of_any_length, min_size=1, max_size=6), first=st.integers(0, 3))
def test_marks_one_after_another_read_as_the_last(
    tmp_path_factory: pytest.TempPathFactory, proven: list[dict[str, int]], first: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "advanced.mark"
    highwater.write(path, HighWater("e", first, {"before": 1}))
    for number, frontiers in enumerate(proven, first + 1):
        mark = HighWater("e", number, frontiers)
        highwater.advance(path, mark)
        assert highwater.read(path) == mark


def test_a_mark_that_is_gone_is_written_anew_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db.mark"
    before = os.umask(0)
    try:
        highwater.advance(path, HighWater("e", 3, {}))
    finally:
        os.umask(before)
    assert highwater.read(path) == HighWater("e", 3, {})
    assert path.stat().st_mode & 0o777 == 0o600


def test_if_one_of_two_marks_is_damaged_the_other_counts(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db.mark"
    highwater.write(path, HighWater("e", 1, {}))
    highwater.advance(path, HighWater("e", 2, {}))
    content = path.read_bytes()
    for at, left in ((5, 1), (4096 + 5, 2)):
        path.write_bytes(content[:at] + b"\0" + content[at + 1 :])
        assert highwater.read(path) == HighWater("e", left, {})


def test_a_mark_as_long_as_its_place_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db.mark"
    highwater.write(path, HighWater("", 2, {}))
    longest = HighWater("e" * (4096 - path.stat().st_size), 2, {})
    highwater.write(path, HighWater("e", 1, {}))
    highwater.advance(path, longest)
    assert highwater.read(path) == longest
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])
    assert highwater.read(path) == HighWater("e", 1, {})


def test_marks_leave_no_file_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        highwater.advance(tmp_path / "ledger.db.mark", HighWater("e", number, {}))
    assert len(os.listdir("/proc/self/fd")) == before


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
    odd = content + b"\n%08x" % zlib.crc32(content)
    assert path.read_bytes() == bytes(4096) + odd
    highwater.advance(path, HighWater("e", 2, {}, 3))
    content = b'{"epoch":"e","commits":2,"proven":{},"observed":3}'
    even = content + b"\n%08x" % zlib.crc32(content)
    assert path.read_bytes() == even + bytes(4096 - len(even)) + odd


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


def test_the_first_mark_of_a_start_replaces_the_file_later_ones_are_written_into_it(path: Path) -> None:
    mark = highwater.mark_path(path)
    with opened(path) as store:
        store.commit(page(0))
    with opened(path) as store:
        files = [mark.stat().st_ino]
        for number in range(1, 4):
            store.commit(page(number))
            files.append(mark.stat().st_ino)
    assert files[0] != files[1] == files[2] == files[3]


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
