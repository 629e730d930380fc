"""What becomes of the rows of a page together, and of a row that is shown more than once."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exporter.counting import walk as walks
from exporter.counting.coverage import Waiting
from exporter.counting.ledger import FIRST_FINGERPRINT, Entries, RowKey, RowOutcome, apply
from exporter.models import SECOND, Completion, Status
from tests.builders import page, row
from tests.entries import AT_START, LATER, NOW, billed, counted, decide, fingerprint, finished, key_of, tally

# A row twice on one page


@finished
def test_a_row_shown_twice_on_a_page_is_counted_once(status: Status) -> None:
    each = billed(400 * SECOND, status)
    expected = counted(each)
    expected.outcomes[RowOutcome.DUPLICATE] += 1
    assert decide(LATER, each, each) == expected


def test_a_row_shown_pending_and_then_finished_as_of_another_second_is_no_longer_awaited() -> None:
    pending, done = billed(400 * SECOND, Status.PENDING), billed(401 * SECOND)
    expected = counted(done)
    expected.outcomes[RowOutcome.PENDING] += 1
    expected.done_waiting = {key_of(done).hash}
    assert decide(LATER, pending, done) == expected


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
