"""The ledger file: what is committed is held whole, what fails leaves no trace, and what is loaded was committed."""

from __future__ import annotations

import re
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.counting.coverage import Coverage, Waiting
from exporter.counting.history import History
from exporter.counting.ledger import VANISHED, RowKey
from exporter.counting.walk import Walk
from exporter.models import (
    SECOND,
    FailureReason,
    Offender,
    PollError,
    Position,
    SeriesKey,
    SourceKey,
)
from exporter.store import Changes, Contents, LedgerError, Store
from tests.clocks import START
from tests.ledgers import (
    LAYOUT,
    LIST,
    OTHER_LIST,
    PAGE_ROWS,
    POLLS,
    SERIES,
    coverage,
    opened,
    page,
    pages_held,
    rows_held,
    settled,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


def test_a_page_is_held_whole_after_a_restart(path: Path) -> None:
    with opened(path) as store:
        for number in range(3):
            store.commit(page(number))
    with opened(path) as store:
        assert pages_held(store) == 3


@contextmanager
def full(store: Store) -> Iterator[None]:
    """The database may not grow: SQLITE_FULL."""
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        store._db.execute("PRAGMA max_page_count = 1073741823")


@contextmanager
def read_only(store: Store) -> Iterator[None]:
    """The database may not be written: SQLITE_READONLY."""
    store._db.execute("PRAGMA query_only = ON")
    try:
        yield
    finally:
        store._db.execute("PRAGMA query_only = OFF")


@contextmanager
def disk_fails(store: Store) -> Iterator[None]:
    """The system refuses to write what a COMMIT appends to the log: SQLITE_IOERR_WRITE."""
    log = Path(f"{store.path}-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


FAILURES = [
    pytest.param(full, "database or disk is full", id="full"),
    pytest.param(read_only, "attempt to write a readonly database", id="read-only"),
    pytest.param(disk_fails, "disk I/O error", id="disk fails"),
]
Failure = Callable[[Store], AbstractContextManager[None]]


@pytest.mark.parametrize(("failure", "problem"), FAILURES)
@pytest.mark.parametrize("source", [LIST, OTHER_LIST], ids=["known list", "new list"])
def test_a_commit_that_fails_changes_nothing_and_the_next_one_works(
    path: Path, failure: Failure, problem: str, source: SourceKey
) -> None:
    large = Changes(source, coverage(), settled=settled(range(5000)), counters={POLLS: 1})
    with opened(path) as store:
        store.commit(page(0))
        before = store.load()
        with failure(store), pytest.raises(PollError) as caught:
            store.commit(large)
        assert caught.value.reason is FailureReason.LEDGER
        assert str(caught.value) == f"the ledger could not be used: {problem}"
        assert store.load() == before
        assert pages_held(store) == 1
        store.commit(large)
        assert rows_held(store) == PAGE_ROWS + 5000
    with opened(path) as store:
        assert store.load().coverage == {LIST: page(0).coverage, source: large.coverage}
        assert store.marks(source, [RowKey(1, 7919)]) == {RowKey(1, 7919): 17}
        assert rows_held(store) == PAGE_ROWS + 5000


@pytest.mark.parametrize(("failure", "problem"), FAILURES)
def test_a_new_list_whose_first_page_failed_is_not_mixed_up_with_the_next_new_list(
    path: Path, failure: Failure, problem: str
) -> None:
    with opened(path) as store:
        with failure(store), pytest.raises(PollError, match=problem):
            store.commit(replace(page(0), source=OTHER_LIST, settled=settled(range(5000))))
        store.commit(page(0))
        store.commit(Changes(OTHER_LIST, coverage(), settled=settled(range(3))))
    with opened(path) as store:
        assert set(store.load().coverage) == {LIST, OTHER_LIST}
        assert store.marks(OTHER_LIST, [*page(0).settled]) == {}
        assert store.marks(LIST, [*page(0).settled]) == page(0).settled


@pytest.mark.parametrize(("failure", "problem"), [FAILURES[1], FAILURES[2]])
def test_other_writes_that_fail_change_nothing_either(path: Path, failure: Failure, problem: str) -> None:
    with opened(path) as store:
        store.commit(page(0))
        store.record_request("acme", START)
        before = store.load()
        writes: list[Callable[[], None]] = [
            lambda: store.commit_counters({POLLS: 1}),
            lambda: store.release({SERIES: 3}),
            lambda: store.record_request("acme", START + SECOND),
        ]
        for write in writes:
            with failure(store), pytest.raises(PollError, match=problem) as caught:
                write()
            assert caught.value.reason is FailureReason.LEDGER
        assert store.load() == before
        assert store.requests("acme") == [START]
        for write in writes:
            write()
        after = store.load()
        assert (after.counters[POLLS], after.released[SERIES]) == (2, 3)
        assert store.requests("acme") == [START, START + SECOND]


def test_a_ledger_that_is_gone_fails_the_check(path: Path) -> None:
    store = Store(path, LAYOUT)
    store.check()
    store.close()
    with pytest.raises(PollError, match="the ledger could not be used") as caught:
        store.check()
    assert caught.value.reason is FailureReason.LEDGER


# Request journal


def test_requests_are_remembered_in_order_by_account_and_over_restarts(path: Path) -> None:
    with opened(path) as store:
        for at in (3, 1, 2):
            store.record_request("acme", START + at)
        store.record_request("globex", START)
        assert store.requests("acme") == [START + 1, START + 2, START + 3]
    with opened(path) as store:
        assert store.requests("acme") == [START + 1, START + 2, START + 3]
        assert store.requests("globex") == [START]
        assert store.requests("initech") == []


def test_requests_older_than_two_minutes_are_forgotten(path: Path) -> None:
    with opened(path) as store:
        for second in range(0, 600, 30):
            store.record_request("acme", START + second * SECOND)
        assert store.requests("acme") == [START + second * SECOND for second in range(450, 600, 30)]


def test_a_request_of_exactly_two_minutes_ago_is_remembered_an_older_one_is_not(path: Path) -> None:
    with opened(path) as store:
        store.record_request("acme", START)
        store.record_request("acme", START + 120 * SECOND)
        assert store.requests("acme") == [START, START + 120 * SECOND]
        store.record_request("acme", START + 120 * SECOND + 1)
        assert store.requests("acme") == [START + 120 * SECOND, START + 120 * SECOND + 1]


def test_requests_that_cannot_be_read_name_the_ledger(path: Path) -> None:
    store = Store(path, LAYOUT)
    store.close()
    with pytest.raises(LedgerError, match=re.escape(f"the ledger {path} cannot be used: ")):
        store.requests("acme")
    with pytest.raises(LedgerError, match=re.escape(f"the ledger {path} cannot be used: ")):
        store.load()


# load() is what was committed

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
times = st.integers(0, 2**62)
amounts = st.integers(0, 2**62)
hashes = st.integers(-(2**63), 2**63 - 1)
seconds = st.integers(0, 2**40) | st.sampled_from([0, 899, 900, 901, 1799, 1800])
keys = st.builds(RowKey, seconds, hashes | st.integers(0, 2))
sources = st.builds(SourceKey, st.sampled_from(["acme", "globex"]), st.sampled_from(["completions", "requests"]))
series_keys = st.builds(SeriesKey, names, names, names, names, names, names)
by_type: dict[object, st.SearchStrategy] = {int: times, bool: st.booleans(), tuple[str, ...]: st.just(("a", "é\n"))}


def any_of(struct: type[msgspec.Struct], **known: object) -> st.SearchStrategy:
    """Draw a value for every field there is, by its type, but for what is ``known``."""
    fields = {field.name: by_type[field.type] for field in msgspec.structs.fields(struct) if field.name not in known}
    return st.builds(struct, **fields, **{name: st.just(value) for name, value in known.items()})


by_type[Position] = any_of(Position)
by_type[Walk | None] = st.none() | any_of(Walk)
by_type[History] = any_of(History)
coverages = any_of(Coverage, proven=0, horizon=0)  # by which nothing is forgotten, neither ids nor credit sums
offenders = st.lists(st.builds(Offender, amounts, times, names, names, names, names, names, names), max_size=4)
changes = st.builds(
    Changes,
    source=sources,
    coverage=coverages,
    settled=st.dictionaries(keys, st.just(VANISHED) | st.integers(16, 2**32 + 15), max_size=5),
    waiting=st.dictionaries(hashes, st.builds(Waiting, times, times), max_size=4),
    done_waiting=st.sets(hashes, max_size=4),
    series=st.dictionaries(series_keys, st.lists(amounts, min_size=LAYOUT.size, max_size=LAYOUT.size), max_size=3),
    counters=st.dictionaries(st.tuples(names, st.lists(names, max_size=3).map(tuple)), st.integers(0, 2**40)),
    spend=st.dictionaries(st.integers(0, 2**40), st.integers(0, 2**50), max_size=3),
    offenders=st.none() | offenders.map(tuple),
)


def hasty(path: Path) -> Store:
    """A ledger that does not wait for the disk: no power fails here."""
    store = Store(path, LAYOUT)
    store._db.execute("PRAGMA synchronous = OFF")
    store.load()
    return store


@settings(max_examples=50)
@given(pages=st.lists(changes, max_size=6), data=st.data())
def test_what_is_loaded_is_what_was_committed(pages: list[Changes], data: st.DataObject) -> None:
    expected = Contents({}, {}, {}, {}, {}, {}, ())
    marks: dict[SourceKey, dict[RowKey, int]] = {}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        store = hasty(path)
        for change in pages:
            waiting = expected.waiting.setdefault(change.source, {})
            if waiting:
                change.done_waiting = data.draw(st.sets(st.sampled_from(sorted(waiting))))
            store.commit(change)
            expected.coverage[change.source] = change.coverage
            for hash_ in change.done_waiting:
                waiting.pop(hash_, None)
            waiting |= change.waiting
            expected.totals |= {key: list(values) for key, values in change.series.items()}
            expected.released |= {key: expected.released.get(key, 0) for key in change.series}
            for counter, value in change.counters.items():
                expected.counters[counter] = expected.counters.get(counter, 0) + value
            spend = expected.spend.setdefault(change.source, {})
            for quarter, amount in change.spend.items():
                spend[quarter] = spend.get(quarter, 0) + amount
            if change.offenders is not None:
                expected.offenders = change.offenders
            held = marks.setdefault(change.source, {})
            held |= {key: mark for key, mark in change.settled.items() if mark != VANISHED or key not in held}
            if data.draw(st.booleans()):
                store.close()
                store = hasty(path)
        if expected.totals:
            masks = data.draw(st.dictionaries(st.sampled_from(sorted(expected.totals)), st.integers(0, 63)))
            store.release(masks)
            expected.released |= masks
        assert store.load() == expected
        store.close()
        with opened(path) as store:
            assert store.load() == expected
            for source, held in marks.items():
                assert store.marks(source, sorted(held, reverse=True)) == held
                assert store.marks(source, data.draw(st.permutations(sorted(held)))) == held
