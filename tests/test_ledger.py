from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exporter.counting import walk as walks
from exporter.counting.coverage import Coverage, Waiting
from exporter.counting.history import History
from exporter.counting.labels import LabelCaps
from exporter.counting.ledger import (
    FIRST_FINGERPRINT,
    VANISHED,
    Entries,
    RowKey,
    RowOutcome,
    apply,
    fingerprint,
    row_key,
    vanish,
)
from exporter.counting.totals import Delta, Tally
from exporter.models import MICRO, SECOND, Completion, SlowLowToken, SlowLowTokenRules, SourceKey, Status
from tests.builders import LAYOUT, page, row

SOURCE = SourceKey("default", "completions")
NOW = 1_000 * SECOND

AT_START = Coverage(
    horizon=100 * SECOND, proven=100 * SECOND, origin=200 * SECOND, max_lateness=0, history=History(0, 0)
)
SOON_AFTER = replace(AT_START, proven=300 * SECOND)
LATER = replace(AT_START, origin=100 * SECOND, horizon=200 * SECOND, proven=300 * SECOND)

finished = pytest.mark.parametrize("status", [Status.SUCCESS, Status.ERROR])
anyhow = pytest.mark.parametrize("status", list(Status))


def tally() -> Tally:
    rules = SlowLowTokenRules(SlowLowToken(max_output_tokens=128, min_duration=10, alert_ratio=0.2))
    return Tally(SOURCE, layout=LAYOUT, rules=rules, caps=LabelCaps(9, 9), late_after=600 * SECOND)


def decide(
    coverage: Coverage,
    *rows: Completion,
    waiting: Iterable[Completion] = (),
    marks: Mapping[RowKey, int] | None = None,
) -> Entries:
    """What `apply` makes of a page listed now, with rows known as pending and the marks in the ledger."""
    keys = [row_key(SOURCE, each) for each in rows]
    known = {row_key(SOURCE, each).hash: Waiting(created=each.created, seen=5) for each in waiting}
    return apply(coverage, known, page(*rows, observed=NOW), keys, marks or {}, tally())


def billed(created: int, status: Status = Status.SUCCESS, **values: object) -> Completion:
    """A row with something in it to count."""
    fields = {"model": "m", "credits": 2 * MICRO, "output_tokens": 7, "duration": 5, **values}
    return row(created, "cmpl-1", status=status, **fields)


def key_of(each: Completion) -> RowKey:
    return row_key(SOURCE, each)


# What can become of one row


def ignored(each: Completion) -> Entries:
    return Entries(outcomes=Counter({RowOutcome.SETTLED: 1}))


def spent(each: Completion) -> Entries:
    """It feeds credit budgets only."""
    delta = Delta()
    tally().spend(delta, each)
    settled = {key_of(each): fingerprint(each)}
    return Entries(settled=settled, delta=delta, outcomes=Counter({RowOutcome.SETTLED: 1}))


def counted(each: Completion) -> Entries:
    delta = Delta()
    tally().count(delta, each, NOW)
    settled = {key_of(each): fingerprint(each)}
    return Entries(settled=settled, delta=delta, outcomes=Counter({RowOutcome.COUNTED: 1}))


def counted_beyond_lateness(each: Completion) -> Entries:
    entries = counted(each)
    entries.beyond_lateness = 1
    return entries


def awaited(each: Completion) -> Entries:
    waiting = {key_of(each).hash: Waiting(created=each.created, seen=NOW)}
    return Entries(waiting=waiting, outcomes=Counter({RowOutcome.PENDING: 1}))


Fate = Callable[[Completion], Entries]


def at(coverage: Coverage, seconds: float, fate: Fate) -> object:
    name = {id(AT_START): "at start", id(SOON_AFTER): "soon after", id(LATER): "later"}[id(coverage)]
    return pytest.param(coverage, round(seconds * SECOND), fate, id=f"{name}, {seconds}s: {fate.__name__}")


JUST = 1 / SECOND
"""The least that a time can be later than another."""


@pytest.mark.parametrize(
    ("coverage", "created", "fate"),
    [
        at(AT_START, 100, ignored),
        at(AT_START, 100 + JUST, spent),
        at(AT_START, 200, spent),
        at(AT_START, 200 + JUST, counted),
        at(SOON_AFTER, 100, ignored),
        at(SOON_AFTER, 100 + JUST, spent),
        at(SOON_AFTER, 200, spent),
        at(SOON_AFTER, 200 + JUST, counted_beyond_lateness),
        at(SOON_AFTER, 300, counted_beyond_lateness),
        at(SOON_AFTER, 300 + JUST, counted),
        at(LATER, 100, ignored),
        at(LATER, 100 + JUST, ignored),
        at(LATER, 200, ignored),
        at(LATER, 200 + JUST, counted_beyond_lateness),
        at(LATER, 300, counted_beyond_lateness),
        at(LATER, 300 + JUST, counted),
    ],
)
@finished
def test_an_unknown_finished_row_is_counted_if_it_can_be_new(
    coverage: Coverage, created: int, fate: Fate, status: Status
) -> None:
    each = billed(created, status)
    assert decide(coverage, each) == fate(each)


@pytest.mark.parametrize(
    ("coverage", "created", "fate"),
    [
        at(AT_START, 100, ignored),
        at(AT_START, 100 + JUST, awaited),
        at(AT_START, 200 + JUST, awaited),
        at(LATER, 150, ignored),
        at(LATER, 200, ignored),
        at(LATER, 200 + JUST, awaited),
        at(LATER, 300 + JUST, awaited),
    ],
)
def test_an_unknown_pending_row_is_awaited_if_it_can_be_new(coverage: Coverage, created: int, fate: Fate) -> None:
    each = billed(created, Status.PENDING)
    assert decide(coverage, each) == fate(each)


@pytest.mark.parametrize(
    ("coverage", "created", "fate"),
    [
        at(AT_START, 90, spent),
        at(AT_START, 200, spent),
        at(AT_START, 200 + JUST, counted),
        at(LATER, 100, spent),
        at(LATER, 100 + JUST, counted),
        at(LATER, 200, counted),
        at(LATER, 300, counted),
        at(LATER, 300 + JUST, counted),
    ],
)
@finished
def test_an_awaited_row_that_has_finished_is_counted_however_old(
    coverage: Coverage, created: int, fate: Fate, status: Status
) -> None:
    each = billed(created, status)
    expected = fate(each)
    expected.done_waiting = {key_of(each).hash}
    assert decide(coverage, each, waiting=[billed(created, Status.PENDING)]) == expected


@pytest.mark.parametrize("created", [50 * SECOND, 200 * SECOND, 250 * SECOND, 400 * SECOND])
def test_an_awaited_row_that_is_still_pending_is_awaited_on_and_seen_again(created: int) -> None:
    each = billed(created, Status.PENDING)
    assert decide(LATER, each, waiting=[each]) == awaited(each)


@pytest.mark.parametrize(
    ("coverage", "created", "fate"),
    [
        at(LATER, 100, spent),
        at(LATER, 100 + JUST, counted_beyond_lateness),
        at(LATER, 200, counted_beyond_lateness),
        at(LATER, 300, counted_beyond_lateness),
        at(LATER, 300 + JUST, counted),
    ],
)
@finished
def test_a_vanished_row_that_comes_back_finished_is_counted_after_all(
    coverage: Coverage, created: int, fate: Fate, status: Status
) -> None:
    each = billed(created, status)
    assert decide(coverage, each, marks={key_of(each): VANISHED}) == fate(each)


@pytest.mark.parametrize("created", [50 * SECOND, 200 * SECOND, 250 * SECOND, 400 * SECOND])
def test_a_vanished_row_that_comes_back_pending_is_awaited_again(created: int) -> None:
    each = billed(created, Status.PENDING)
    assert decide(LATER, each, marks={key_of(each): VANISHED}) == awaited(each)


@pytest.mark.parametrize("created", [50 * SECOND, 200 * SECOND, 250 * SECOND, 400 * SECOND])
@finished
def test_a_counted_row_is_a_duplicate_wherever_it_lies(created: int, status: Status) -> None:
    each = billed(created, status)
    expected = Entries(outcomes=Counter({RowOutcome.DUPLICATE: 1}))
    assert decide(LATER, each, marks={key_of(each): fingerprint(each)}) == expected


@anyhow
def test_a_counted_row_that_has_changed_is_reported_and_not_counted_again(status: Status) -> None:
    before, after = billed(400 * SECOND), billed(400 * SECOND, status, credits=3 * MICRO)
    expected = Entries(
        settled={key_of(after): fingerprint(after)}, amended=1, outcomes=Counter({RowOutcome.DUPLICATE: 1})
    )
    assert decide(LATER, after, marks={key_of(before): fingerprint(before)}) == expected


def test_an_amendment_is_reported_once_for_each_change() -> None:
    first = billed(400 * SECOND)
    second, third = replace(first, credits=3 * MICRO), replace(first, credits=4 * MICRO)
    entries = decide(LATER, second, second, third, second, marks={key_of(first): fingerprint(first)})
    assert (entries.amended, entries.settled) == (3, {key_of(first): fingerprint(second)})
    assert entries.delta == Delta()


# A row twice on one page


@finished
def test_a_row_shown_twice_on_a_page_is_counted_once(status: Status) -> None:
    each = billed(400 * SECOND, status)
    expected = counted(each)
    expected.outcomes[RowOutcome.DUPLICATE] += 1
    assert decide(LATER, each, each) == expected


def test_a_row_shown_pending_and_then_finished_on_a_page_is_counted_and_not_awaited() -> None:
    pending, done = billed(400 * SECOND, Status.PENDING), billed(400 * SECOND)
    expected = counted(done)
    expected.outcomes[RowOutcome.PENDING] += 1
    expected.done_waiting = {key_of(done).hash}
    assert decide(LATER, pending, done) == expected
    assert decide(LATER, pending, done, waiting=[pending]) == expected


def test_a_row_shown_finished_and_then_pending_on_a_page_is_counted_and_not_awaited() -> None:
    done, pending = billed(400 * SECOND), billed(400 * SECOND, Status.PENDING)
    expected = counted(done)
    expected.outcomes[RowOutcome.DUPLICATE] += 1
    expected.settled = {key_of(done): fingerprint(pending)}
    expected.amended = 1
    assert decide(LATER, done, pending) == expected


def test_an_awaited_row_shown_finished_twice_on_a_page_is_counted_once() -> None:
    each = billed(150 * SECOND)
    expected = counted(each)
    expected.outcomes[RowOutcome.DUPLICATE] += 1
    expected.done_waiting = {key_of(each).hash}
    assert decide(LATER, each, each, waiting=[billed(150 * SECOND, Status.PENDING)]) == expected


def test_rows_of_one_page_are_decided_each_for_itself() -> None:
    new, old, known = (row(seconds * SECOND, f"cmpl-{seconds}") for seconds in (400, 150, 350))
    entries = decide(LATER, new, known, old, marks={key_of(known): fingerprint(known)})
    assert entries.outcomes == Counter({RowOutcome.COUNTED: 1, RowOutcome.DUPLICATE: 1, RowOutcome.SETTLED: 1})
    assert entries.settled == {key_of(new): fingerprint(new)}


def test_rows_of_one_page_add_up_by_what_became_of_them() -> None:
    unknown = [row(seconds * SECOND, f"cmpl-{seconds}") for seconds in (400, 401, 402)]
    late = [row(seconds * SECOND, f"cmpl-{seconds}") for seconds in (300, 299)]
    forgotten = [row(seconds * SECOND, f"cmpl-{seconds}") for seconds in (200, 199, 198, 197)]
    entries = decide(LATER, *unknown, *late, *forgotten)
    assert entries.outcomes == Counter({RowOutcome.COUNTED: 5, RowOutcome.SETTLED: 4})
    assert entries.beyond_lateness == 2


def test_rows_from_before_the_start_add_up_as_settled() -> None:
    entries = decide(AT_START, *(row(150 * SECOND + place, f"cmpl-{place}") for place in range(3)))
    assert entries.outcomes == Counter({RowOutcome.SETTLED: 3})
    assert len(entries.settled) == 3


@pytest.mark.parametrize("keys", [1, 3], ids=["too few", "too many"])
def test_rows_without_their_own_keys_are_not_counted(keys: int) -> None:
    each = billed(400 * SECOND)
    with pytest.raises(ValueError, match="zip"):
        apply(LATER, {}, page(each, each, observed=NOW), [key_of(each)] * keys, {}, tally())


def test_a_row_is_known_by_the_least_of_all_fingerprints_too() -> None:
    each = billed(400 * SECOND)
    entries = decide(LATER, each, marks={key_of(each): FIRST_FINGERPRINT})
    assert entries.outcomes == Counter({RowOutcome.DUPLICATE: 1})


def test_an_empty_page_changes_nothing() -> None:
    assert decide(LATER) == Entries()


@pytest.mark.parametrize(
    ("sweep", "search", "seen"),
    [
        (None, None, NOW),
        (NOW - 1, NOW - 2, NOW),
        (NOW + 1, None, NOW + 1),
        (None, NOW + 1, NOW + 1),
        (NOW + 1, NOW + 2, NOW + 2),
        (NOW + 2, NOW + 1, NOW + 2),
    ],
)
def test_a_row_shown_to_a_walk_was_not_seen_before_it_began(sweep: int | None, search: int | None, seen: int) -> None:
    """The pages of a list may be answered by servers whose clocks differ a little."""
    began = [None if at is None else walks.begin(started=at, floor=0, limit=4) for at in (sweep, search)]
    each = billed(400 * SECOND, Status.PENDING)
    waiting = decide(replace(LATER, sweep=began[0], search=began[1]), each).waiting
    assert waiting == {key_of(each).hash: Waiting(created=each.created, seen=seen)}


# Vanished rows


def test_a_vanished_row_is_marked_and_no_longer_awaited() -> None:
    entries = Entries()
    waiting = {7: Waiting(created=1_500_000, seen=0), 8: Waiting(created=9, seen=0)}
    assert vanish(entries, waiting, [7]) == 1
    assert entries == Entries(settled={RowKey(1, 7): VANISHED}, done_waiting={7})


def test_every_row_that_vanished_is_marked_and_reported_whatever_the_page_shows() -> None:
    waiting = {hash_: Waiting(created=9, seen=0) for hash_ in (6, 7, 8)}
    entries = Entries(waiting={6: Waiting(created=9, seen=NOW)})
    assert vanish(entries, waiting, [6, 7, 8]) == 2
    assert entries.settled == {RowKey(0, 7): VANISHED, RowKey(0, 8): VANISHED}
    assert entries.done_waiting == {7, 8}


def test_a_row_that_the_page_itself_shows_has_not_vanished() -> None:
    shown = Waiting(created=9, seen=NOW)
    entries = Entries(waiting={7: shown}, done_waiting={8})
    assert vanish(entries, {7: shown, 8: shown}, [7, 8]) == 0
    assert entries == Entries(waiting={7: shown}, done_waiting={8})


# Identity


PLAIN = Completion(
    id="cmpl-7f3a",
    created=1_747_658_096_250_000,
    status=Status.SUCCESS,
    model="vlmrun-orion-1:auto",
    skill="invoice",
    finished=1_747_658_099_000_000,
    input_tokens=812,
    output_tokens=64,
    credits=2_500_000,
    duration=2_750_000,
    time_to_first_token=310_000,
)


def test_the_key_of_a_row_never_changes_between_versions() -> None:
    """A ledger in the field holds these: another key would count every row of the last half hour again."""
    assert row_key(SOURCE, PLAIN) == RowKey(second=1_747_658_096, hash=-2_872_763_526_722_202_696)


def test_the_fingerprint_of_a_row_never_changes_between_versions() -> None:
    """A ledger in the field holds these: another fingerprint would report every known row as amended."""
    assert fingerprint(PLAIN) == 2_876_482_892
    assert fingerprint(Completion(id="x", created=0, status=Status.ERROR)) == 3_366_575_010


def test_a_key_tells_lists_and_ids_apart_and_nothing_else() -> None:
    keys = {
        row_key(SourceKey(account, source), replace(PLAIN, id=name))
        for account in ("a", "b")
        for source in ("completions", "requests")
        for name in ("1", "2")
    }
    assert len(keys) == 8
    amended = replace(PLAIN, status=Status.ERROR, model=None, credits=None, finished=None)
    assert row_key(SOURCE, amended) == row_key(SOURCE, PLAIN)


@given(st.text(min_size=1), st.integers(0, 2**52))
def test_any_id_has_a_key_that_sqlite_can_hold(name: str, created: int) -> None:
    key = row_key(SOURCE, row(created, name))
    assert key.second == created // SECOND
    assert -(2**63) <= key.hash < 2**63


def test_text_that_is_not_unicode_has_a_key_and_a_fingerprint() -> None:
    odd = replace(PLAIN, id="\udcff", model="\ud800")
    assert row_key(SOURCE, odd) != row_key(SOURCE, PLAIN)
    assert fingerprint(odd) != fingerprint(PLAIN)


@pytest.mark.parametrize(
    "change",
    [
        {"status": Status.ERROR},
        {"model": None},
        {"skill": "receipt"},
        {"input_tokens": 813},
        {"output_tokens": None},
        {"credits": 0},
        {"duration": 1},
        {"time_to_first_token": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_is_counted_of_a_row_is_in_its_fingerprint(change: dict[str, object]) -> None:
    assert fingerprint(replace(PLAIN, **change)) != fingerprint(PLAIN)


def test_what_is_not_counted_of_a_row_is_not_in_its_fingerprint() -> None:
    assert fingerprint(replace(PLAIN, id="x", created=0, finished=None)) == fingerprint(PLAIN)


@given(st.builds(Completion, id=st.text(), created=st.integers(0, 9), status=st.sampled_from(Status)))
def test_no_fingerprint_is_mistaken_for_a_mark(each: Completion) -> None:
    assert fingerprint(each) >= FIRST_FINGERPRINT > VANISHED


# However often a row is shown


SIGHTING = st.builds(
    lambda number, status, credits: row(400 * SECOND + number, f"r{number}", status=status, credits=credits),
    number=st.integers(0, 8),
    status=st.sampled_from(Status),
    credits=st.integers(0, 2),
)


@given(st.lists(st.lists(SIGHTING, max_size=8), max_size=12))
def test_a_row_is_counted_once_however_often_and_in_whatever_state_it_is_shown(pages: list[list[Completion]]) -> None:
    marks: dict[RowKey, int] = {}
    waiting: dict[int, Waiting] = {}
    outcomes: Counter[RowOutcome] = Counter()
    completions = credits = amended = 0
    for shown in pages:
        keys = [key_of(each) for each in shown]
        entries = apply(LATER, waiting, page(*shown, observed=NOW), keys, marks, tally())
        marks.update(entries.settled)
        for hash_ in entries.done_waiting:
            waiting.pop(hash_, None)
        waiting.update(entries.waiting)
        completions += sum(values[0] for values in entries.delta.series.values())
        credits += entries.delta.spend.total()
        amended += entries.amended
        outcomes += entries.outcomes

    sightings = [each for shown in pages for each in shown]
    first: dict[str, Completion] = {}
    latest: dict[str, Completion] = {}
    changes = 0
    for each in sightings:
        if each.id in first:
            changes += fingerprint(each) != fingerprint(latest[each.id])
            latest[each.id] = each
        elif each.status is not Status.PENDING:
            first[each.id] = latest[each.id] = each
    assert completions == outcomes[RowOutcome.COUNTED] == len(first)
    assert credits == sum(each.credits or 0 for each in first.values())
    assert amended == changes
    assert outcomes.total() == len(sightings)
    assert waiting.keys() == {key_of(each).hash for each in sightings if each.id not in first}
