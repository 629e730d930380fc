"""How a walk down a list begins, how far each page reaches, and what joins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exporter.api.pages import CursorPaginator, OffsetPaginator
from exporter.counting.walk import (
    LEAST_CAPACITY,
    MAX_LIMIT,
    PATIENCE,
    TOP,
    Extent,
    Outcome,
    Step,
    Walk,
    begin,
    extent,
    take,
)
from exporter.models import Page, Position
from tests.builders import Poison, Shelf, descend, newest_first, page, row, taken, under_way

OFFSET = OffsetPaginator()
CURSOR = CursorPaginator()

both = pytest.mark.parametrize("paginator", [OFFSET, CURSOR], ids=["offset", "cursor"])


def test_a_walk_begins_at_the_top_with_nothing_covered() -> None:
    assert begin(started=9, floor=5, limit=100) == Walk(
        started=9,
        floor=5,
        ceiling=TOP,
        lo=TOP,
        edge=TOP,
        limit=100,
        base_limit=100,
        position=Position(),
        largest=MAX_LIMIT,
        least=LEAST_CAPACITY,
        patience=PATIENCE,
    )


@pytest.mark.parametrize(("limit", "size", "ended"), [(3, 3, False), (3, 2, True), (6, 5, False), (6, 4, True)])
def test_a_page_has_room_to_spare_below_the_least_and_below_what_was_asked_for(
    limit: int, size: int, ended: bool
) -> None:
    walk = under_way(limit=limit, base_limit=limit, least=5)
    assert take(walk, page(*range(51, 51 - size, -1)), OFFSET).walk.ended is ended


def test_a_list_is_walked_to_its_end_one_row_at_a_time() -> None:
    descent = descend(begin(started=1_000, floor=0, limit=1), Shelf([row(1)]).get, OFFSET, most=10)
    assert (descent.step, descent.walk.ended) == (Step.DONE, True)


def test_a_walk_expects_as_many_rows_as_it_is_told_that_no_server_cuts_pages_to() -> None:
    assert begin(started=9, floor=5, limit=3, least=7).least == 7


def test_a_walk_is_as_patient_as_it_is_told_to_be() -> None:
    assert begin(started=9, floor=5, limit=3, patience=7).patience == 7


@pytest.mark.parametrize(("lo", "ceiling", "lower"), [(7, 9, 7), (9, 7, 7), (TOP, 7, 7), (7, TOP, 7)])
def test_what_is_newer_than_the_lower_of_two_bounds_needs_no_proof(lo: int, ceiling: int, lower: int) -> None:
    walk = begin(started=9, floor=5, limit=3, lo=lo, ceiling=ceiling)
    assert (walk.lo, walk.ceiling) == (lo, lower)


# How far a page reaches


@pytest.mark.parametrize("shown", [page(), page(Poison()), page(Poison(), Poison())], ids=["empty", "one", "two"])
def test_a_page_without_a_readable_time_has_no_extent(shown: Page) -> None:
    assert extent(shown) is None


def test_a_rejected_row_bears_witness_to_how_far_its_page_reaches() -> None:
    assert extent(page(Poison(9), 8, Poison(7))) == Extent(newest=9, oldest=7, disorder=0, ascending=False)


@pytest.mark.parametrize(
    ("shown", "disorder"),
    [
        (page(9, 8, 7), 0),
        (page(9, 9, 9), 0),
        (page(7, 8, 9), 2),
        (page(9, 5, 8, 4, 6), 3),
        (page(9, 2, 8, 1, 6), 6),
        (page(9, Poison(5), 8), 3),
        (page(9, 5, Poison(8)), 3),
    ],
)
def test_disorder_is_the_largest_jump_back_in_time(shown: Page, disorder: int) -> None:
    reach = extent(shown)
    assert reach is not None
    assert reach.disorder == disorder


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=1, max_size=30))
def test_an_extent_is_measured_exactly(entries: list[tuple[int, bool]]) -> None:
    stamps = [stamp for stamp, _ in entries]
    shown = page(*(Poison(stamp) if poisoned else stamp for stamp, poisoned in entries))
    jumps = [later - earlier for place, earlier in enumerate(stamps) for later in stamps[place:]]
    assert extent(shown) == Extent(
        newest=max(stamps), oldest=min(stamps), disorder=max(jumps), ascending=stamps[-1] > stamps[0]
    )


def test_a_row_without_a_time_does_not_shift_the_places_of_those_below() -> None:
    assert extent(page(Poison(), 9, Poison(8), 7)) == Extent(newest=9, oldest=7, disorder=0, ascending=False)


# What joins


def test_the_first_page_proves_the_list_down_to_its_oldest_row() -> None:
    walk = begin(started=1_000, floor=0, limit=4)
    expected = replace(walk, lo=96, edge=96, position=Position(skip=2))
    assert taken(walk, page(99, 98, 97, 96)) == Outcome(Step.ON, expected, joined=True)


def test_a_page_whose_newest_row_is_newer_than_the_covered_edge_joins() -> None:
    walk = under_way(retreats=3, stalls=3)
    expected = replace(walk, lo=48, edge=48, position=Position(skip=42), retreats=0, stalls=0)
    assert taken(walk, page(51, 50, 49, 48)) == Outcome(Step.ON, expected, joined=True)


def test_a_page_whose_newest_row_is_only_as_old_as_the_covered_edge_does_not_join() -> None:
    walk = under_way()
    expected = replace(walk, position=Position(skip=38), retreats=1, stalls=1)
    assert taken(walk, page(50, 49, 48, 47)) == Outcome(Step.ON, expected, joined=False)


def test_a_cursor_page_that_does_not_join_is_asked_for_again_from_the_next_anchor() -> None:
    walk = under_way(position=Position(anchors=("c", "b", "a")))
    expected = replace(walk, position=Position(anchors=("b", "a")), retreats=1, stalls=1)
    assert taken(walk, page(50, 49), CURSOR) == Outcome(Step.ON, expected, joined=False)


def test_each_retreat_in_a_row_goes_twice_as_far() -> None:
    walk = under_way(position=Position(skip=200))
    skips = []
    for _ in range(6):
        walk = take(walk, page(49, 48, 47, 46), OFFSET).walk
        skips.append(walk.position.skip)
    assert skips == [198, 194, 186, 170, 138, 74]


def test_the_top_of_the_list_always_joins() -> None:
    outcome = take(under_way(position=Position()), page(40, 39, 38, 37), OFFSET)
    assert (outcome.joined, outcome.walk.lo, outcome.walk.unproven) == (True, 37, 0)


def test_retreats_end_as_stuck_when_patience_does() -> None:
    walk = under_way(stalls=2, patience=3)
    assert taken(walk, page(50, 49)) == Outcome(Step.STUCK, walk, joined=False, unprovable=True)


# What needs no proof


def test_rows_that_need_no_proof_are_passed_until_the_page_that_reaches_below_them() -> None:
    walk = begin(started=1_000, floor=0, limit=4, least=2, lo=50)
    above = take(walk, page(99, 98, 97, 96), OFFSET)
    assert (above.step, above.joined, above.walk.lo, above.walk.edge, above.walk.stalls) == (Step.ON, True, 50, 96, 0)
    across = take(above.walk, page(97, 96, 50, 40), OFFSET)
    assert (across.step, across.joined, across.walk.lo, across.walk.edge) == (Step.ON, True, 40, 40)


def test_a_list_that_ends_above_what_needs_proof_is_walked_to_its_end() -> None:
    rows = newest_first(range(101, 201))
    descent = descend(begin(started=1_000, floor=0, limit=20, lo=50), Shelf(rows).get, OFFSET, most=10)
    assert (descent.step, descent.walk.ended, descent.walk.lo, descent.walk.edge) == (Step.DONE, True, 50, 101)
    assert len(descent.shown) == 100
