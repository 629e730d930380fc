"""What becomes of one row: counted, awaited, known or left out; and of rows that have vanished."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from exporter.counting.coverage import Coverage, Waiting
from exporter.counting.ledger import UNKNOWN_FINGERPRINT, VANISHED, Entries, RowKey, RowOutcome, vanish
from exporter.counting.totals import Delta
from exporter.models import MICRO, SECOND, Completion, Status
from tests.entries import (
    AT_START,
    LATER,
    NOW,
    SOON_AFTER,
    awaited,
    billed,
    counted,
    counted_beyond_lateness,
    decide,
    fingerprint,
    finished,
    ignored,
    key_of,
    spent,
)

anyhow = pytest.mark.parametrize("status", list(Status))


# What can become of one row


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


@anyhow
def test_a_row_counted_by_a_version_with_other_fingerprints_is_taken_as_it_is_and_watched_from_now_on(
    status: Status,
) -> None:
    each = billed(400 * SECOND, status)
    expected = Entries(settled={key_of(each): fingerprint(each)}, outcomes=Counter({RowOutcome.DUPLICATE: 1}))
    assert decide(LATER, each, marks={key_of(each): UNKNOWN_FINGERPRINT}) == expected


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
