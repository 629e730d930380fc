from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.pages import FALLBACK_ANCHORS, CursorPaginator, OffsetPaginator, paginator
from exporter.counting.walk import Step, begin
from exporter.models import Page, Paginator, Paging, Position
from tests.builders import Poison, Shelf, descend, newest_first, page, row

OFFSET = OffsetPaginator()
CURSOR = CursorPaginator()

both = pytest.mark.parametrize("paginator", [OFFSET, CURSOR], ids=["offset", "cursor"])


def oldest_of(shown: Page) -> int:
    return min((each.created for each in shown.rows), default=0)


STAMPS = st.lists(st.integers(1, 400), max_size=120) | st.lists(st.integers(1, 12), max_size=120)


@pytest.mark.parametrize(("paging", "kind"), [(Paging.OFFSET, OffsetPaginator), (Paging.CURSOR, CursorPaginator)])
def test_a_source_gets_the_paginator_of_its_paging(paging: Paging, kind: type) -> None:
    assert type(paginator(paging)) is kind


def test_offset_paging_asks_by_skip_and_limit() -> None:
    assert OFFSET.params(Position(skip=7), 50) == {"skip": 7, "limit": 50}
    assert OFFSET.params(Position(), 50) == {"skip": 0, "limit": 50}


def test_cursor_paging_asks_newest_first_and_after_its_best_anchor() -> None:
    assert CURSOR.params(Position(anchors=("b", "a")), 50) == {"limit": 50, "order": "desc", "after": "b"}


def test_cursor_paging_names_no_anchor_at_the_top() -> None:
    assert CURSOR.params(Position(), 50) == {"limit": 50, "order": "desc"}


def test_the_top_is_where_nothing_is_skipped_and_no_anchor_is_named() -> None:
    places = (Position(), Position(skip=1), Position(anchors=("a",)))
    assert [place.at_top for place in places] == [True, False, False]


@pytest.mark.parametrize(
    ("shown", "step"),
    [
        pytest.param(page(9, 8, 7, 6), 2, id="the last two rows again"),
        pytest.param(page(9, 8, 7, 7), 1, id="all ties at the edge, and a newer row"),
        pytest.param(page(9, 8), None, id="only the first row is newer: no way on"),
        pytest.param(page(9, 8, 8, 8), None, id="ties but for the first row"),
        pytest.param(page(9, 9, 9), None, id="ties alone"),
        pytest.param(page(9), None, id="one row"),
        pytest.param(page(), None, id="no row"),
        pytest.param(page(Poison(), Poison()), None, id="no row that can be read"),
        pytest.param(page(9, Poison(), 8, 7), 2, id="an unreadable row takes a place"),
        pytest.param(page(Poison(), Poison(), 9, 8, 7), 3, id="two above take two"),
        pytest.param(page(9, 8, 7, Poison()), 1, id="one below takes none"),
        pytest.param(page(*range(60, 0, -1)), 58 - 3, id="and a twentieth of a page more, for deletes"),
        pytest.param(page(*range(200, 0, -1)), 198 - 4, id="of a few rows at most"),
        pytest.param(page(*range(140, 100, -1), *[50] * 100), 39 - 4, id="which ties do not use up"),
        pytest.param(page(9, 8, *[7] * 60), 1, id="but always on by a row"),
    ],
)
def test_the_next_skip_shows_a_row_newer_than_the_oldest_again(shown: Page, step: int | None) -> None:
    expected = None if step is None else Position(skip=1000 + step)
    assert OFFSET.advance(Position(skip=1000), shown, oldest_of(shown)) == expected


@pytest.mark.parametrize(("oldest", "step"), [(5, 3), (6, 2), (7, 1), (8, None), (9, None)])
def test_a_page_in_doubtful_order_is_overlapped_by_more_rows(oldest: int, step: int | None) -> None:
    expected = None if step is None else Position(skip=1000 + step)
    assert OFFSET.advance(Position(skip=1000), page(9, 8, 7, 6, 5), oldest) == expected


@pytest.mark.parametrize(("oldest", "anchor"), [(5, "r7"), (6, "r8"), (7, "r9"), (8, None), (9, None)])
def test_a_cursor_page_in_doubtful_order_is_overlapped_by_more_rows(oldest: int, anchor: str | None) -> None:
    advanced = CURSOR.advance(Position(), page(9, 8, 7, 6, 5), oldest)
    assert (advanced.anchors[0] if advanced else None) == anchor


@pytest.mark.parametrize(("attempt", "skip"), [(1, 950), (2, 900), (3, 800), (4, 600), (5, 200), (6, 0), (60, 0)])
def test_an_offset_retreats_twice_as_far_each_time_and_not_above_the_top(attempt: int, skip: int) -> None:
    assert OFFSET.retreat(Position(skip=1000), attempt, limit=100) == Position(skip=skip)


def test_an_offset_retreats_by_a_row_if_pages_have_one() -> None:
    assert OFFSET.retreat(Position(skip=3), 1, limit=1) == Position(skip=2)


@pytest.mark.parametrize(
    ("shown", "skip"), [(page(5, 5, 5), 12), (page(5), 11), (page(Poison(), Poison()), 11), (page(5, 5), 11)]
)
def test_an_offset_leaps_to_the_last_row_shown_and_at_least_by_one(shown: Page, skip: int) -> None:
    assert OFFSET.leap(Position(skip=10), shown) == Position(skip=skip)


def test_a_cursor_stands_above_the_last_row_newer_than_the_oldest_with_two_more_to_fall_back_on() -> None:
    shown = page(*range(20, 10, -1))  # the oldest is 11, the last newer one 12: after 13, it is shown again
    assert CURSOR.advance(Position(anchors=("p", "q")), shown, 11) == Position(anchors=("r13", "r16", "r20", "p", "q"))


def test_a_cursor_names_no_anchor_twice() -> None:
    assert CURSOR.advance(Position(anchors=("p", "r9")), page(9, 8, 7), 7) == Position(anchors=("r9", "p"))


def test_a_cursor_keeps_only_so_many_anchors() -> None:
    known = tuple(f"p{place}" for place in range(FALLBACK_ANCHORS))
    advanced = CURSOR.advance(Position(anchors=known), page(9, 8, 7, 6, 5, 4), 4)
    assert advanced == Position(anchors=("r6", "r7", "r9", *known[:5]))
    leapt = CURSOR.leap(Position(anchors=known), page(6, 5))
    assert leapt == Position(anchors=("r6", *known[:7]))


@pytest.mark.parametrize(
    "shown", [page(9, 8), page(9, 8, 8), page(9, 9), page(9), page(), page(Poison())], ids=lambda shown: shown.size
)
def test_a_cursor_has_no_way_on_from_a_page_that_it_cannot_overlap(shown: Page) -> None:
    assert CURSOR.advance(Position(anchors=("p",)), shown, oldest_of(shown)) is None


def test_a_cursor_has_no_way_on_if_it_would_ask_the_same_again() -> None:
    assert CURSOR.advance(Position(anchors=("r9", "p")), page(9, 8, 7), 7) is None


def test_a_cursor_retreats_to_its_next_anchor_and_then_to_the_top() -> None:
    assert CURSOR.retreat(Position(anchors=("c", "b")), 1, 100) == Position(anchors=("b",))
    assert CURSOR.retreat(Position(anchors=("b",)), 2, 100) == Position()


@pytest.mark.parametrize(
    ("shown", "anchor"),
    [(page(row(5, "x"), row(5, "y"), row(5, "z")), "y"), (page(row(5, "x"), Poison()), "x"), (page(row(5, "x")), "x")],
    ids=["the last row but one", "the only row that has an id", "the only row"],
)
def test_a_cursor_leaps_so_that_the_last_row_is_shown_again(shown: Page, anchor: str) -> None:
    assert CURSOR.leap(Position(anchors=("p",)), shown) == Position(anchors=(anchor, "p"))


def test_a_cursor_cannot_leap_after_a_row_without_an_id() -> None:
    assert CURSOR.leap(Position(anchors=("p", "q")), page(Poison())) == Position(anchors=("q",))


@both
@given(stamps=STAMPS, limit=st.integers(2, 60), data=st.data())
def test_in_a_still_list_the_next_page_overlaps_the_last_one(
    paginator: Paginator, stamps: list[int], limit: int, data: st.DataObject
) -> None:
    rows = newest_first(stamps)
    start = data.draw(st.integers(1, max(1, len(rows))))
    above = Position(skip=start) if paginator is OFFSET else Position(anchors=(f"r{start - 1}",))
    shown = Shelf(rows).get(paginator.params(above, limit)) if rows else None
    below = paginator.advance(above, shown, oldest_of(shown)) if shown else None
    if shown is None or below is None:
        return
    following = Shelf(rows).get(paginator.params(below, limit))
    assert following is not None
    oldest = min(each.created for each in shown.rows)
    assert any(each.created > oldest for each in following.rows)
    assert following.rows[0] in shown.rows


@both
@given(
    stamps=STAMPS,
    limit=st.integers(1, 60),
    clamp=st.integers(10, 1000),
    floor=st.integers(0, 400),
    poisoned=st.sets(st.integers(0, 120), max_size=20),
)
def test_a_still_list_is_walked_to_the_floor_in_a_bounded_number_of_pages(
    paginator: Paginator, stamps: list[int], limit: int, clamp: int, floor: int, poisoned: set[int]
) -> None:
    rows = newest_first(stamps)
    wire = [Poison(each.created) if place in poisoned else each for place, each in enumerate(rows)]
    below_floor = {each.id for each in rows if each.created <= floor}
    countable = {each.id for place, each in enumerate(rows) if place not in poisoned}
    walk = begin(started=1_000, floor=floor, limit=limit)

    descent = descend(walk, Shelf(wire, cut=lambda asked: min(asked, clamp)).get, paginator, most=400)

    assert descent.step is Step.DONE or descent.walk.unproven
    if descent.step is Step.DONE and not descent.walk.unproven:
        assert descent.shown >= countable - below_floor
        assert descent.walk.ended or descent.walk.lo <= floor


@both
@given(distinct=st.sets(st.integers(1, 10_000), max_size=150), limit=st.integers(3, 60))
def test_a_still_list_without_ties_is_proven_to_its_end(paginator: Paginator, distinct: set[int], limit: int) -> None:
    rows = newest_first(distinct)
    descent = descend(begin(started=20_000, floor=0, limit=limit), Shelf(rows).get, paginator, most=400)
    assert (descent.step, descent.walk.unproven, descent.walk.ended) == (Step.DONE, 0, True)
    assert descent.shown == {each.id for each in rows}


@both
@given(stamps=STAMPS, limit=st.integers(1, 60))
def test_offset_and_cursor_alike_show_every_row_of_a_still_list_even_past_what_they_cannot_prove(
    paginator: Paginator, stamps: list[int], limit: int
) -> None:
    rows = newest_first(stamps)
    descent = descend(begin(started=1_000, floor=0, limit=limit), Shelf(rows).get, paginator, most=400)
    assert descent.shown == {each.id for each in rows}
