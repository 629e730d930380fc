"""Walks down a list that is not quite, or not at all, newest first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exporter.api.pages import CursorPaginator, OffsetPaginator
from exporter.counting.walk import DISORDER_TRIES, REPEAT_COST, TOLERATED_DISORDER, TOP, Outcome, Step, begin, take
from exporter.models import SECOND, Page, Paginator, Position
from tests.builders import Shelf, descend, newest_first, page, row, taken, under_way

OFFSET = OffsetPaginator()
CURSOR = CursorPaginator()

both = pytest.mark.parametrize("paginator", [OFFSET, CURSOR], ids=["offset", "cursor"])


# Order, nearly kept


def test_rows_slightly_out_of_order_are_proven_less_far_by_as_much() -> None:
    walk = under_way()
    expected = replace(walk, lo=47, edge=45, position=Position(skip=42))
    assert taken(walk, page(55, 54, 51, 49, 45, 47)) == Outcome(Step.ON, expected, joined=True)


@pytest.mark.parametrize(("newest", "joined"), [(52, False), (53, True)])
def test_a_page_slightly_out_of_order_joins_if_it_is_newer_by_more_than_that(newest: int, joined: bool) -> None:
    assert take(under_way(), page(newest, 46, 48, 44), OFFSET).joined is joined


@pytest.mark.parametrize(("floor", "step"), [(47, Step.DONE), (46, Step.ON)])
def test_a_list_slightly_out_of_order_is_walked_deeper_by_as_much(floor: int, step: Step) -> None:
    outcome = take(under_way(floor=floor), page(55, 54, 53, 45, 47), OFFSET)
    assert (outcome.walk.lo, outcome.step) == (47, step)


@pytest.mark.parametrize(("disorder", "joined"), [(TOLERATED_DISORDER, True), (TOLERATED_DISORDER + 1, False)])
def test_disorder_is_tolerated_up_to_the_margin_that_every_proof_keeps(disorder: int, joined: bool) -> None:
    newest = 60 + 2 * TOLERATED_DISORDER
    outcome = take(under_way(), page(newest, newest - 1, 40, 40 + disorder), OFFSET)
    assert outcome.joined is joined


# Order, not kept

DISORDERED = page(90 * SECOND, 80 * SECOND, 89 * SECOND, 70 * SECOND)


@pytest.mark.parametrize("tries", range(DISORDER_TRIES - 1))
def test_a_page_out_of_order_proves_nothing_and_is_asked_for_again(tries: int) -> None:
    walk = under_way(disordered=tries)
    expected = replace(walk, disordered=tries + 1)
    assert taken(walk, DISORDERED) == Outcome(Step.ON, expected, joined=False, unprovable=True)


def test_a_page_that_is_in_order_the_next_time_was_a_passing_fault() -> None:
    walk = under_way(disordered=DISORDER_TRIES - 1)
    expected = replace(walk, lo=48, edge=48, position=Position(skip=42), disordered=0)
    assert taken(walk, page(51, 50, 49, 48)) == Outcome(Step.ON, expected, joined=True)


def test_a_list_that_stays_out_of_order_is_read_on_but_no_longer_proven() -> None:
    walk = under_way(disordered=DISORDER_TRIES - 1)
    expected = replace(walk, disordered=DISORDER_TRIES, position=Position(skip=42))
    assert taken(walk, DISORDERED) == Outcome(Step.ON, expected, joined=False, unprovable=True)


def test_a_page_in_order_does_not_make_up_for_a_list_that_is_not() -> None:
    walk = under_way(disordered=DISORDER_TRIES)
    expected = replace(walk, disordered=DISORDER_TRIES + 1, position=Position(skip=42))
    assert taken(walk, page(51, 50, 49, 48)) == Outcome(Step.ON, expected, joined=False, unprovable=True)


def test_a_page_out_of_order_that_cannot_be_overlapped_is_passed() -> None:
    outcome = take(under_way(disordered=DISORDER_TRIES), page(50, 50, 50, 50), OFFSET)
    assert (outcome.step, outcome.walk.position) == (Step.ON, Position(skip=43))


@pytest.mark.parametrize(
    ("floor", "shown", "step"),
    [
        pytest.param(0, page(60, 59), Step.STUCK, id="a page with room to spare"),
        pytest.param(60, page(60, 59, 58, 57), Step.STUCK, id="a page below the floor"),
        pytest.param(59, page(60, 59, 58, 57), Step.ON, id="a page that is not"),
        pytest.param(62, page(60, 55, 57, 54), Step.STUCK, id="a page below the floor by its disorder"),
        pytest.param(61, page(60, 55, 57, 54), Step.ON, id="a page that is not by its disorder"),
        pytest.param(99, page(57, 58, 59, 60), Step.ON, id="a page below the floor, but oldest first"),
    ],
)
def test_a_list_out_of_order_is_read_until_its_end_or_to_below_the_floor(floor: int, shown: Page, step: Step) -> None:
    outcome = take(under_way(floor=floor, disordered=DISORDER_TRIES), shown, OFFSET)
    assert (outcome.step, outcome.joined, outcome.unprovable) == (step, False, True)


def test_an_empty_page_ends_the_reading_of_a_list_out_of_order() -> None:
    walk = under_way(disordered=DISORDER_TRIES)
    assert taken(walk, page()) == Outcome(Step.STUCK, walk, joined=False, unprovable=True)


@pytest.mark.parametrize("again", [DISORDERED, page(60, 50)], ids=["full", "two rows"])
def test_repeated_pages_out_of_order_end_as_stuck(again: Page) -> None:
    walk = take(under_way(disordered=DISORDER_TRIES, patience=2 * REPEAT_COST, least=1), again, OFFSET).walk
    assert walk.stalls == 0
    second = take(walk, again, OFFSET)
    assert (second.step, second.walk.stalls) == (Step.ON, REPEAT_COST)
    assert take(second.walk, again, OFFSET).step is Step.STUCK


def test_a_single_row_shown_again_is_no_repeated_page() -> None:
    walk = under_way(disordered=DISORDER_TRIES, least=1)
    for _ in range(2):
        walk = take(walk, page(60), OFFSET).walk
    assert walk.stalls == 0


@both
def test_a_list_oldest_first_is_read_in_full_and_proves_nothing(paginator: Paginator) -> None:
    rows = newest_first([second * SECOND for second in range(1, 301)])[::-1]
    descent = descend(begin(started=1_000 * SECOND, floor=0, limit=50), Shelf(rows).get, paginator, most=20)
    assert (descent.step, descent.walk.lo, descent.walk.ended) == (Step.STUCK, TOP, False)
    assert descent.shown == {each.id for each in rows}


@both
@given(order=st.permutations(range(1, 61)), limit=st.integers(2, 30))
def test_a_list_in_any_order_is_read_in_full_or_proven_where_it_is_in_order(
    paginator: Paginator, order: list[int], limit: int
) -> None:
    rows = [row(second * 10 * SECOND, f"r{second}") for second in order]
    descent = descend(begin(started=1_000 * SECOND, floor=0, limit=limit), Shelf(rows).get, paginator, most=300)
    if descent.walk.disordered >= DISORDER_TRIES:
        assert descent.step is Step.STUCK
    assert descent.shown == {each.id for each in rows}
