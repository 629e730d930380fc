"""Walks that get nowhere: empty, unreadable and repeated pages, refused positions."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from exporter.api.pages import CursorPaginator, OffsetPaginator
from exporter.counting.walk import REPEAT_COST, Outcome, Step, begin, miss, narrow, take
from exporter.models import SECOND, Page, Paginator, Position
from tests.builders import Poison, descend, page, row, taken, under_way

OFFSET = OffsetPaginator()
CURSOR = CursorPaginator()

both = pytest.mark.parametrize("paginator", [OFFSET, CURSOR], ids=["offset", "cursor"])


# Empty and unreadable pages


def test_an_empty_page_at_the_top_is_an_empty_list() -> None:
    walk = begin(started=1_000, floor=0, limit=4)
    assert taken(walk, page()) == Outcome(Step.DONE, replace(walk, ended=True), joined=True)


@pytest.mark.parametrize(
    ("paginator", "position", "above"),
    [
        (OFFSET, Position(skip=40), Position(skip=38)),
        (CURSOR, Position(anchors=("b", "a")), Position(anchors=("a",))),
    ],
    ids=["offset", "cursor"],
)
def test_an_empty_page_below_the_top_is_not_the_end(paginator: Paginator, position: Position, above: Position) -> None:
    walk = under_way(position=position)
    expected = replace(walk, position=above, retreats=1, stalls=1)
    assert taken(walk, page(), paginator) == Outcome(Step.ON, expected, joined=False)


def test_an_empty_page_below_what_was_passed_is_not_the_end_either_but_asked_for_anew_from_above() -> None:
    walk = under_way(leapt=SECOND, unproven=5, position=Position(anchors=("b", "a")))
    expected = replace(walk, leapt=0, position=Position(anchors=("a",)), retreats=1, stalls=1)
    assert taken(walk, page(), CURSOR) == Outcome(Step.ON, expected, joined=False)


UNREADABLE = page(*[Poison()] * 3)


@pytest.mark.parametrize(("size", "skip"), [(3, 42), (4, 43)])
def test_a_page_of_unreadable_rows_is_passed(size: int, skip: int) -> None:
    outcome = take(under_way(), page(*[Poison()] * size), OFFSET)
    assert (outcome.step, outcome.joined, outcome.unprovable) == (Step.ON, True, True)
    assert (outcome.walk.position, outcome.walk.leapt, outcome.walk.lo) == (Position(skip=skip), SECOND, 50)


@pytest.mark.parametrize(
    ("size", "has_more", "ends"),
    [(1, None, True), (2, None, True), (2, False, True), (1, True, False), (2, True, False), (3, False, False)],
)
def test_unreadable_rows_with_room_to_spare_are_the_end_without_proof(
    size: int, has_more: bool | None, ends: bool
) -> None:
    walk = under_way(leapt=SECOND, unproven=5)
    outcome = take(walk, replace(page(*[Poison()] * size), has_more=has_more), OFFSET)
    ended = replace(walk, leapt=0, unproven=5 + SECOND, passed_top=50, passed_bottom=-1, ended=True)
    assert (outcome == Outcome(Step.DONE, ended, joined=True, unprovable=True)) is ends
    assert (outcome.step, outcome.walk.leapt) == ((Step.DONE, 0) if ends else (Step.ON, SECOND))


def test_unreadable_rows_end_no_list_that_is_out_of_order() -> None:
    assert not take(under_way(disordered=1), page(Poison()), OFFSET).walk.ended


def test_a_page_of_rejected_rows_with_readable_times_proves_as_much_as_any() -> None:
    outcome = take(under_way(), page(51, Poison(50), Poison(49), Poison(45)), OFFSET)
    assert (outcome.joined, outcome.walk.lo) == (True, 45)


@both
def test_a_list_of_unreadable_rows_does_not_hold_a_walk_for_ever(paginator: Paginator) -> None:
    unreadable = page(*[Poison()] * 100)
    descent = descend(begin(started=1_000, floor=0, limit=100), lambda params: unreadable, paginator, most=1_000)
    assert descent.step is Step.STUCK


def test_a_page_of_unreadable_rows_costs_patience() -> None:
    assert take(under_way(stalls=2, patience=4), UNREADABLE, OFFSET).walk.stalls == 3


def test_unreadable_rows_end_a_walk_as_stuck_when_patience_does() -> None:
    walk = under_way(stalls=2, patience=3)
    assert taken(walk, UNREADABLE) == Outcome(Step.STUCK, replace(walk, stalls=3), joined=False, unprovable=True)


# Pages that lead nowhere


def test_a_page_that_reaches_no_deeper_costs_patience() -> None:
    outcome = take(under_way(stalls=3), page(60, 59, 58, 57), OFFSET)
    assert (outcome.step, outcome.walk.stalls, outcome.walk.lo) == (Step.ON, 4, 50)


@pytest.mark.parametrize("again", [page(60, 59, 58, 57), page(60, 59)], ids=["full", "two rows"])
def test_a_page_that_repeats_costs_more_patience(again: Page) -> None:
    walk = take(under_way(), again, OFFSET).walk
    assert take(walk, again, OFFSET).walk.stalls == 1 + REPEAT_COST


def test_pages_are_told_apart_by_ids_that_are_not_unicode() -> None:
    again, other = page(row(60, "\ud800"), row(59, "b")), page(row(60, "\ud801"), row(59, "b"))
    walk = take(under_way(), again, OFFSET).walk
    assert [take(walk, shown, OFFSET).walk.stalls for shown in (again, other)] == [1 + REPEAT_COST, 2]


def test_a_page_of_one_row_that_repeats_costs_no_more_than_another() -> None:
    walk = take(under_way(), page(60), OFFSET).walk
    assert take(walk, page(60), OFFSET).walk.stalls == 2


def test_a_walk_is_stuck_when_its_patience_ends() -> None:
    outcome = take(under_way(stalls=2, patience=3), page(60, 59, 58, 57), OFFSET)
    assert (outcome.step, outcome.joined, outcome.unprovable) == (Step.STUCK, False, True)
    assert outcome.walk.position == Position(skip=40)


def test_a_page_that_reaches_deeper_restores_patience() -> None:
    assert take(under_way(stalls=59), page(51, 50, 49, 48), OFFSET).walk.stalls == 0


@both
def test_a_server_that_answers_the_same_page_whatever_is_asked_ends_the_walk_soon(paginator: Paginator) -> None:
    frozen = page(*range(99, 49, -1))
    descent = descend(begin(started=1_000, floor=0, limit=50), lambda params: frozen, paginator, most=10)
    assert descent.step is Step.STUCK


# Requests that the server refuses


def test_a_refused_anchor_makes_way_for_the_next_one() -> None:
    walk = under_way(position=Position(anchors=("c", "b")))
    expected = replace(walk, position=Position(anchors=("b",)), retreats=1, stalls=1)
    assert miss(walk, CURSOR) == Outcome(Step.ON, expected, joined=False)


def test_the_last_refused_anchor_leads_back_to_the_top() -> None:
    assert miss(under_way(position=Position(anchors=("a",))), CURSOR).walk.position == Position()


def test_refused_anchors_end_as_stuck_when_patience_does() -> None:
    walk = under_way(position=Position(anchors=("c", "b")), stalls=2, patience=3)
    assert miss(walk, CURSOR) == Outcome(Step.STUCK, walk, joined=False, unprovable=True)


@pytest.mark.parametrize("position", [Position(), Position(skip=40)], ids=["the top", "a skip"])
def test_a_refused_position_without_another_way_to_it_is_stuck(position: Position) -> None:
    walk = under_way(position=position)
    assert miss(walk, OFFSET) == Outcome(Step.STUCK, walk, joined=False, unprovable=True)


@pytest.mark.parametrize("position", [Position(), Position(skip=40), Position(anchors=("b", "a"))])
def test_a_larger_page_that_is_refused_is_asked_for_no_more(position: Position) -> None:
    walk = under_way(limit=8, base_limit=4, position=position)
    assert miss(walk, OFFSET) == Outcome(Step.ON, replace(walk, limit=4, largest=4), joined=False)


# A page size that was lowered


def test_a_walk_asks_for_no_more_than_a_lowered_page_size() -> None:
    walk = under_way(limit=800, base_limit=400, least=10)
    assert narrow(walk, 50) == replace(walk, limit=50, base_limit=50, largest=50)
    assert narrow(walk, 5) == replace(walk, limit=5, base_limit=5, largest=5)


@pytest.mark.parametrize("page_size", [400, 401])
def test_a_walk_that_asks_for_no_more_anyway_goes_on_as_it_is(page_size: int) -> None:
    walk = under_way(limit=800, base_limit=400)
    assert narrow(walk, page_size) == walk
