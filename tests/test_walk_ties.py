"""Walks past rows of the same time: larger pages, and leaps that leave something unproven."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from exporter.api.pages import CursorPaginator, OffsetPaginator
from exporter.counting.walk import MAX_LIMIT, Outcome, Step, Walk, hides, take
from exporter.models import SECOND, Page, Position
from tests.builders import page, row, taken, under_way

OFFSET = OffsetPaginator()
CURSOR = CursorPaginator()


def test_a_page_of_ties_is_asked_for_again_twice_as_large() -> None:
    walk = under_way(limit=4)
    outcome = taken(walk, page(51, *[50] * 3))
    assert outcome == Outcome(Step.ON, replace(walk, limit=8, stalls=1), joined=True, unprovable=True)


@pytest.mark.parametrize(("limit", "larger"), [(500, 1000), (600, 1000), (999, 1000)])
def test_a_page_is_never_asked_to_be_larger_than_the_api_allows(limit: int, larger: int) -> None:
    walk = under_way(limit=limit)
    assert take(walk, page(51, *[50] * (limit - 1)), OFFSET).walk.limit == larger


def test_a_larger_page_that_leads_on_is_the_last_of_its_size() -> None:
    walk = under_way(limit=8)
    outcome = take(walk, page(51, *[50] * 5, 49, 48), OFFSET)
    assert (outcome.walk.lo, outcome.walk.limit, outcome.walk.position) == (48, 4, Position(skip=46))


def test_a_larger_page_that_proves_nothing_new_stays_large() -> None:
    walk = under_way(limit=8)
    outcome = take(walk, page(52, 51, *[50] * 6), OFFSET)
    assert (outcome.walk.lo, outcome.walk.limit, outcome.walk.position) == (50, 8, Position(skip=41))


@pytest.mark.parametrize(
    ("walk", "size"),
    [
        pytest.param(under_way(limit=MAX_LIMIT), MAX_LIMIT, id="as large as it gets"),
        pytest.param(replace(under_way(), largest=4), 4, id="as large as the server lets it be"),
        pytest.param(under_way(limit=8), 4, id="cut by the server"),
    ],
)
def test_ties_that_fill_the_largest_page_are_passed(walk: Walk, size: int) -> None:
    outcome = taken(walk, page(51, *[50] * (size - 1)))
    passed = replace(walk, position=Position(skip=40 + size - 1), leapt=SECOND, stalls=1)
    assert outcome == Outcome(Step.ON, passed, joined=True)


def test_a_cursor_passes_ties_so_that_the_last_row_is_shown_again() -> None:
    walk = replace(under_way(position=Position(anchors=("r52",))), largest=4)
    outcome = take(walk, page(row(51, "a"), row(50, "b"), row(50, "c"), row(50, "d")), CURSOR)
    assert outcome.walk.position == Position(anchors=("c", "r52"))


def test_the_second_of_passed_ties_and_what_lies_below_it_to_the_next_page_are_unproven() -> None:
    walk = under_way(leapt=SECOND, unproven=5)
    unproven = 5 + SECOND + (50 - 43)
    expected = replace(walk, lo=40, edge=40, position=Position(skip=42), leapt=0, unproven=unproven)
    expected = replace(expected, passed_top=50, passed_bottom=43)
    assert taken(walk, page(43, 42, 41, 40)) == Outcome(Step.ON, expected, joined=True, unprovable=True)


def test_what_was_passed_lies_between_the_highest_and_the_lowest_of_it() -> None:
    walk = replace(under_way(), passed_top=90, passed_bottom=80)
    assert [hides(walk, time) for time in (79, 80, 90, 91)] == [False, True, True, False]
    assert not any(hides(under_way(), time) for time in (0, 50, 10**15))
    proven = take(walk, page(51, 50, 49, 48), OFFSET).walk
    assert (proven.passed_top, proven.passed_bottom) == (90, 80)
    passed = take(replace(walk, leapt=SECOND), page(43, 42, 41, 40), OFFSET).walk
    assert (passed.passed_top, passed.passed_bottom) == (90, 43)


def test_the_second_of_passed_ties_is_unproven_even_if_the_next_page_begins_with_them() -> None:
    outcome = take(under_way(leapt=SECOND), page(50, 49, 48, 47), OFFSET)
    assert (outcome.joined, outcome.unprovable, outcome.walk.unproven) == (True, True, SECOND)


def test_passed_ties_that_turn_out_to_be_the_last_rows_hid_nothing() -> None:
    walk = under_way(leapt=SECOND)
    expected = replace(walk, leapt=0, stalls=1, ended=True)
    assert taken(walk, page(50)) == Outcome(Step.DONE, expected, joined=True)


def test_passed_ties_hid_what_is_missing_between_them_and_the_last_rows() -> None:
    outcome = take(under_way(leapt=SECOND), page(48, 47), OFFSET)
    assert (outcome.step, outcome.walk.ended, outcome.unprovable) == (Step.DONE, True, True)
    assert outcome.walk.unproven == SECOND + 2


def test_a_leap_that_leads_back_to_the_top_leaves_no_gap() -> None:
    outcome = take(under_way(leapt=SECOND, position=Position()), page(40, 39, 38, 37), OFFSET)
    assert outcome.walk.unproven == SECOND


def test_the_next_page_but_one_after_passed_ties_has_to_join_again() -> None:
    walk = take(under_way(leapt=SECOND), page(43, 42, 41, 40), OFFSET).walk
    assert not take(walk, page(40, 39, 38, 37), OFFSET).joined


@pytest.mark.parametrize(
    ("ceiling", "shown", "unproven"),
    [
        pytest.param(42, page(43, 42, 41, 40), 50 - 43, id="the passed ties are above the ceiling"),
        pytest.param(43, page(43, 42, 41, 40), SECOND + 50 - 43, id="the next page begins at the ceiling"),
        pytest.param(40, page(43, 42, 41, 40), 50 - 43, id="the next page ends at the ceiling"),
        pytest.param(39, page(43, 42, 41, 40), 0, id="the whole page is above the ceiling"),
    ],
)
def test_passed_ties_count_as_unproven_only_below_the_ceiling(ceiling: int, shown: Page, unproven: int) -> None:
    outcome = take(under_way(ceiling=ceiling, leapt=SECOND), shown, OFFSET)
    assert (outcome.walk.unproven, outcome.unprovable) == (unproven, unproven > 0)
