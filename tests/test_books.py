"""The books: first the transaction, then memory; what memory holds is what a restart would load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.books import Books
from exporter.counting import coverage as cover
from exporter.counting import layout as slots
from exporter.counting.columns import Columns
from exporter.counting.coverage import Coverage, Waiting
from exporter.counting.history import History
from exporter.counting.labels import LabelCaps
from exporter.counting.ledger import Entries, RowKey
from exporter.counting.totals import QUARTER, Tally
from exporter.counting.worst import WINDOW
from exporter.daemon import layout
from exporter.models import (
    MICRO,
    SECOND,
    Completion,
    CounterKey,
    Exemplar,
    FailureReason,
    PollError,
    SeriesKey,
    SlowLowToken,
    SlowLowTokenRules,
    SourceKey,
    Status,
)
from exporter.store import Contents, Store
from tests.clocks import START

LIST = SourceKey("acme", "completions")
RULES = SlowLowTokenRules(SlowLowToken(max_output_tokens=128, min_duration=10 * SECOND, alert_ratio=0.2))
POLLS: CounterKey = ("vlmrun_exporter_polls_total", tuple(LIST))
MINUTES = 60 * SECOND
DAY = 1_440 * MINUTES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(Store(path, layout())) as store:
        yield store


@pytest.fixture
def books(store: Store) -> Books:
    return Books(store, layout())


def row(id_: str, **values: object) -> Completion:
    fields = {
        "created": START,
        "status": Status.SUCCESS,
        "model": "m",
        "skill": "s",
        "finished": START + SECOND,
        "input_tokens": 10,
        "output_tokens": 20,
        "credits": 3 * MICRO,
        "duration": 12 * SECOND,
        "time_to_first_token": SECOND,
    }
    return Completion(id=id_, **{**fields, **values})  # type: ignore[arg-type]


def entries(rows: Iterable[Completion], now: int = START + MINUTES, source: SourceKey = LIST) -> Entries:
    """What these rows, all of them new, change."""
    tally = Tally(source, layout=layout(), rules=RULES, caps=LabelCaps(9, 9), late_after=10 * MINUTES)
    counted = Entries()
    for row in rows:
        tally.count(counted.delta, Columns.of([row]), now)
    return counted


def covered(proven: int = START) -> Coverage:
    return Coverage(origin=0, proven=proven, horizon=0, max_lateness=0, history=History(top=0, done=0))


def held(books: Books) -> Contents:
    """What the books hold, as the ledger would load it."""
    return deepcopy(
        Contents(books.coverage, books.waiting, books.totals, {}, {}, books.spend, books.offenders),
    )


def loaded(store: Store) -> Contents:
    contents = store.load()
    contents.released, contents.counters = {}, {}
    return contents


SUCCESS = SeriesKey("acme", "completions", "m", "s", "success", "false")


def test_what_a_page_adds_is_in_memory_and_in_the_ledger(books: Books, store: Store) -> None:
    books.record(LIST, covered(), entries([row("a"), row("b", credits=4 * MICRO)]), {POLLS: 1}, now=START)
    books.record(LIST, covered(START + 1), entries([row("c")]), {POLLS: 2}, now=START)
    values = books.totals[SUCCESS]
    assert values[slots.COMPLETIONS] == 3
    assert values[slots.INPUT_TOKENS] == 30
    assert values[slots.OUTPUT_TOKENS] == 60
    assert values[slots.CREDITS] == 10 * MICRO
    assert values[slots.SLOW_LOW_TOKEN] == 3
    assert books.spend == {LIST: {START // QUARTER: 10 * MICRO}}
    assert books.coverage == {LIST: covered(START + 1)}
    assert held(books) == loaded(store)
    assert store.load().counters == {POLLS: 3}


def test_credit_sums_older_than_two_months_are_forgotten_in_memory_too(books: Books, store: Store) -> None:
    for day in range(0, 90, 10):
        now = START + day * DAY
        books.record(LIST, covered(now), entries([row(f"of day {day}", created=now, finished=now)]), {}, now=now)
    assert books.spend == {LIST: {(START + day * DAY) // QUARTER: 3 * MICRO for day in range(10, 90, 10)}}
    assert held(books) == loaded(store)


def test_the_siblings_of_a_new_series_are_born_with_it_at_0(books: Books, store: Store) -> None:
    books.record(LIST, covered(), entries([row("a")]), {}, now=START)
    siblings = [
        SUCCESS._replace(status=status, late=late) for status in ("success", "error") for late in ("false", "true")
    ]
    assert sorted(books.totals) == sorted(siblings)
    assert all(books.totals[key] == [0] * layout().size for key in siblings if key != SUCCESS)
    books.record(LIST, covered(), entries([row("b", status=Status.ERROR)]), {}, now=START)
    assert books.totals[SUCCESS][slots.COMPLETIONS] == 1
    assert books.totals[SUCCESS._replace(status="error")][slots.COMPLETIONS] == 1
    assert held(books) == loaded(store)


def test_two_new_siblings_in_one_page_keep_their_values(books: Books, store: Store) -> None:
    books.record(LIST, covered(), entries([row("a"), row("b", status=Status.ERROR)]), {}, now=START)
    counted = {(key.status, key.late): values[slots.COMPLETIONS] for key, values in books.totals.items()}
    assert counted == {
        ("success", "false"): 1,
        ("error", "false"): 1,
        ("success", "true"): 0,
        ("error", "true"): 0,
    }
    assert held(books) == loaded(store)


def test_a_commit_that_fails_changes_neither_memory_nor_the_ledger(books: Books, store: Store) -> None:
    heard: list[SeriesKey] = []
    first = entries([row("a")])
    first.waiting = {1: Waiting(START, START), 2: Waiting(START, START)}
    books.record(LIST, covered(), first, {POLLS: 1}, now=START)
    books.on_change(heard.extend)
    before, exemplars = held(books), deepcopy(books.exemplars)

    second = entries([row("b", status=Status.ERROR), row("c", model="new")])
    second.settled = {RowKey(START // SECOND, 9): 16}
    second.waiting = {3: Waiting(START, START)}
    second.done_waiting = {1}
    store._db.execute("PRAGMA query_only = ON")
    for source in (LIST, SourceKey("acme", "requests")):
        with pytest.raises(PollError) as caught:
            books.record(source, covered(START + 9), second, {POLLS: 1}, now=START)
        assert caught.value.reason is FailureReason.LEDGER
    store._db.execute("PRAGMA query_only = OFF")
    assert held(books) == before == loaded(store)
    assert books.exemplars == exemplars
    assert heard == []

    books.record(LIST, covered(START + 9), second, {POLLS: 1}, now=START)
    assert books.waiting[LIST] == {2: Waiting(START, START), 3: Waiting(START, START)}
    assert held(books) == loaded(store)
    assert store.load().counters == {POLLS: 2}


def test_the_series_a_commit_changed_are_told_after_it(books: Books) -> None:
    heard: list[tuple[SeriesKey, int]] = []

    def note(keys: Iterable[SeriesKey]) -> None:
        heard.extend((key, books.totals[key][slots.COMPLETIONS]) for key in keys)

    books.on_change(note)
    books.record(LIST, covered(), entries([row("a")]), {}, now=START)
    assert sorted(heard) == sorted((key, int(key == SUCCESS)) for key in books.totals)
    heard.clear()
    books.record(LIST, covered(), entries([row("b")]), {}, now=START)
    assert heard == [(SUCCESS, 2)]
    heard.clear()
    books.record(LIST, covered(), Entries(), {}, now=START)
    assert heard == []


def test_the_worst_completions_are_kept_over_a_restart_and_no_longer_than_they_matter(
    books: Books, store: Store
) -> None:
    books.record(LIST, covered(), entries([row("a"), row("b", credits=None)]), {}, now=START)
    assert {(entry.completion_id, entry.reason) for entry in books.offenders} == {
        ("a", "slow_low_token"),
        ("a", "credits"),
        ("b", "slow_low_token"),
    }
    again = Books(store, layout())
    assert again.offenders == books.offenders
    later = START + WINDOW + MINUTES
    fresh = row("c", created=later, finished=later)
    again.record(LIST, covered(), entries([fresh], now=later), {}, now=later)
    assert {entry.completion_id for entry in again.offenders} == {"c"}


def test_the_latest_exemplars_are_kept_in_memory_only(books: Books, store: Store) -> None:
    books.record(LIST, covered(), entries([row("a")]), {}, now=START)
    books.record(LIST, covered(), entries([row("b")]), {}, now=START)
    assert books.exemplars[SUCCESS][slots.SLOW_LOW_TOKEN] == Exemplar("b", 12 * SECOND, START + SECOND)
    assert Books(store, layout()).exemplars == {}


# Where counting begins


def test_a_new_list_is_counted_from_the_first_poll_or_as_far_back_as_configured(books: Books) -> None:
    hour = 3600 * SECOND
    assert books.begin(LIST, now=START, look_back=0, max_lateness=MINUTES, page_size=100) == cover.start(
        START, 0, MINUTES
    )
    assert books.begin(LIST, now=START, look_back=hour, max_lateness=MINUTES, page_size=100).origin == START - hour
    assert books.begin(LIST, now=START, look_back=0, max_lateness=MINUTES, page_size=100).lost == 0


def test_a_known_list_goes_on_where_it_was(books: Books) -> None:
    books.record(LIST, covered(START + 5), Entries(), {}, now=START)
    begun = books.begin(LIST, now=START + 99 * MINUTES, look_back=0, max_lateness=7 * MINUTES, page_size=100)
    assert begun == msgspec.structs.replace(covered(START + 5), max_lateness=7 * MINUTES)


def test_a_list_whose_ledger_was_lost_reports_the_time_since_as_lost(path: Path) -> None:
    with closing(Store(path, layout())) as store:
        Books(store, layout()).record(LIST, covered(START), Entries(), {}, now=START)
    path.unlink()
    with closing(Store(path, layout())) as store:
        books = Books(store, layout())
        now = START + 60 * MINUTES
        begun = books.begin(LIST, now=now, look_back=0, max_lateness=MINUTES, page_size=100)
        assert (begun.origin, begun.lost, begun.lost_until) == (now, 60 * MINUTES, now)
        assert books.begin(LIST, now=now, look_back=90 * MINUTES, max_lateness=MINUTES, page_size=100).lost == 0
        assert (
            books.begin(SourceKey("acme", "requests"), now=now, look_back=0, max_lateness=MINUTES, page_size=9).lost
            == 0
        )
        books.record(LIST, begun, Entries(), {}, now=now)
    with closing(Store(path, layout())) as store:  # it is reported once
        assert (
            Books(store, layout()).begin(LIST, now=2 * now, look_back=0, max_lateness=MINUTES, page_size=100) == begun
        )


# Memory and ledger never part

rows = st.builds(
    row,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5),
    status=st.sampled_from([Status.SUCCESS, Status.ERROR]),
    model=st.sampled_from(["m", "n", None]),
    finished=st.integers(START - WINDOW, START + WINDOW) | st.none(),
    input_tokens=st.integers(0, 10**9) | st.none(),
    output_tokens=st.integers(0, 10**9) | st.none(),
    credits=st.integers(0, 10**15) | st.none(),
    duration=st.integers(1, 10**13) | st.none(),
    time_to_first_token=st.integers(1, 10**13) | st.none(),
)
hashes = st.integers(0, 9)
steps = st.tuples(
    st.sampled_from([LIST, SourceKey("acme", "requests"), SourceKey("globex", "completions")]),
    st.lists(rows, max_size=4),
    st.dictionaries(hashes, st.builds(Waiting, st.integers(START, START + 9), st.integers(START, START + 9))),
    st.sets(hashes),
    st.sampled_from(["", "", "", "fails", "restart"]),
)


def hasty(path: Path) -> Store:
    """A ledger that does not wait for the disk: no power fails here."""
    store = Store(path, layout())
    store._db.execute("PRAGMA synchronous = OFF")
    return store


@settings(max_examples=40)
@given(history=st.lists(steps, max_size=8))
def test_memory_is_what_a_restart_would_load_whatever_happens(history: list[tuple]) -> None:
    with TemporaryDirectory() as folder:
        store = hasty(Path(folder) / "ledger.db")
        books = Books(store, layout())
        completions = 0
        for number, (source, page, waiting, done, event) in enumerate(history):
            change = entries(page, source=source, now=START + MINUTES)
            change.waiting, change.done_waiting = waiting, done
            if event == "fails":
                store._db.execute("PRAGMA query_only = ON")
                with pytest.raises(PollError):
                    books.record(source, covered(START + number), change, {POLLS: 1}, now=START)
                store._db.execute("PRAGMA query_only = OFF")
            else:
                books.record(source, covered(START + number), change, {POLLS: 1}, now=START)
                completions += len(page)
            if event == "restart":
                store.close()
                store = hasty(Path(folder) / "ledger.db")
                books = Books(store, layout())
            assert held(books) == loaded(store)
        assert sum(values[slots.COMPLETIONS] for values in books.totals.values()) == completions
        for values in books.totals.values():
            assert sum(values[layout().output_length.buckets]) == values[slots.OUTPUT_ROWS]
            assert sum(values[layout().cost.buckets]) == values[slots.CREDIT_ROWS]
        store.close()
