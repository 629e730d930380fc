"""Where a walk is done: at its floor, or at the end of the list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.pages import CursorPaginator, OffsetPaginator
from exporter.counting.walk import LEAST_CAPACITY, Step, begin, take
from exporter.models import Page, Paginator
from tests.builders import Shelf, descend, newest_first, page, under_way

OFFSET = OffsetPaginator()
CURSOR = CursorPaginator()

both = pytest.mark.parametrize("paginator", [OFFSET, CURSOR], ids=["offset", "cursor"])


@pytest.mark.parametrize(("floor", "step"), [(48, Step.DONE), (47, Step.ON), (49, Step.DONE)])
def test_a_walk_is_done_once_it_covers_everything_above_its_floor(floor: int, step: Step) -> None:
    outcome = take(under_way(floor=floor), page(51, 50, 49, 48), OFFSET)
    assert (outcome.step, outcome.walk.ended, outcome.joined) == (step, False, True)


@pytest.mark.parametrize(
    ("shown", "ended"),
    [
        pytest.param(page(51, 50), True, id="room for more, and nothing older than the edge"),
        pytest.param(page(51, 49), True, id="room for more than these"),
        pytest.param(page(51, 50, 50, 50), False, id="full up to the edge"),
        pytest.param(page(51, 50, 50), False, id="cut by the server up to the edge, for all that is known"),
        pytest.param(page(52, 51, 49), False, id="cut by the server below it"),
        pytest.param(page(51), False, id="the edge is not reached"),
    ],
)
def test_the_end_is_a_page_with_room_to_spare_that_reaches_the_oldest_row_met(shown: Page, ended: bool) -> None:
    outcome = take(under_way(), shown, OFFSET)
    assert (outcome.walk.ended, outcome.step is Step.DONE, outcome.joined) == (ended, ended, True)


@pytest.mark.parametrize(("size", "ended"), [(9, True), (10, False), (11, False)])
def test_fewer_older_rows_than_any_server_cuts_to_are_the_last_ones(size: int, ended: bool) -> None:
    walk = under_way(limit=100, base_limit=100, least=10)
    outcome = take(walk, page(*range(51, 51 - size, -1)), OFFSET)
    assert (outcome.walk.ended, outcome.step is Step.DONE) == (ended, ended)


@pytest.mark.parametrize(("size", "ended"), [(9, True), (10, False)])
def test_a_list_shorter_than_any_server_cuts_to_ends_with_its_first_page(size: int, ended: bool) -> None:
    outcome = take(begin(started=1_000, floor=0, limit=100), page(*range(99, 99 - size, -1)), OFFSET)
    assert outcome.walk.ended is ended


@pytest.mark.parametrize("size", [1, 9, 10, 11, 60, 100, 101, 250])
@both
def test_a_list_of_any_length_ends_with_its_last_row(paginator: Paginator, size: int) -> None:
    rows = newest_first(range(1, size + 1))
    descent = descend(begin(started=1_000, floor=0, limit=100), Shelf(rows).get, paginator, most=10)
    assert (descent.step, descent.walk.ended, descent.walk.unproven) == (Step.DONE, True, 0)
    assert len(descent.shown) == size


@pytest.mark.parametrize("ties", [2, 9, 10, 11, 60])
@both
def test_a_list_whose_oldest_rows_are_ties_is_proven_to_its_end(paginator: Paginator, ties: int) -> None:
    rows = newest_first([9, 8, *[1] * ties])
    descent = descend(begin(started=1_000, floor=0, limit=100), Shelf(rows).get, paginator, most=10)
    assert (descent.step, descent.walk.ended, descent.walk.unproven) == (Step.DONE, True, 0)


@pytest.mark.parametrize("claim", [None, True, False])
@pytest.mark.parametrize(
    ("shown", "step"),
    [((51, 50, 49, 48), Step.ON), ((51, 50), Step.DONE)],
    ids=["a full page", "the end"],
)
def test_what_rows_show_is_believed_whatever_the_server_says(
    shown: tuple[int, ...], step: Step, claim: bool | None
) -> None:
    assert take(under_way(), page(*shown, has_more=claim), OFFSET).step is step


@pytest.mark.parametrize(("claim", "ended"), [(None, True), (False, True), (True, False)])
def test_a_few_older_rows_are_not_the_last_if_the_server_says_so(claim: bool | None, ended: bool) -> None:
    outcome = take(under_way(), page(51, 49, has_more=claim), OFFSET)
    assert (outcome.walk.ended, outcome.step is Step.DONE) == (ended, ended)


@pytest.mark.parametrize("clamp", [10, 33, 99])
@both
def test_a_server_that_cuts_every_page_short_is_not_at_its_end(paginator: Paginator, clamp: int) -> None:
    rows = newest_first(range(1, 301))
    shelf = Shelf(rows, cut=lambda limit: min(limit, clamp))
    descent = descend(begin(started=1_000, floor=0, limit=100), shelf.get, paginator)
    assert (len(descent.shown), descent.walk.ended, descent.walk.unproven) == (300, True, 0)


@both
@given(sizes=st.lists(st.integers(LEAST_CAPACITY, 100), min_size=1, max_size=30), limit=st.integers(10, 100))
def test_a_server_that_cuts_pages_by_their_bytes_is_not_at_its_end(
    paginator: Paginator, sizes: list[int], limit: int
) -> None:
    rows = newest_first(range(1, 301))
    turn = iter(sizes * 300)
    shelf = Shelf(rows, cut=lambda asked: min(asked, next(turn)))
    descent = descend(begin(started=1_000, floor=0, limit=limit), shelf.get, paginator)
    assert (len(descent.shown), descent.walk.ended, descent.walk.unproven) == (300, True, 0)


@both
@given(
    sizes=st.lists(st.integers(LEAST_CAPACITY, 100), min_size=1, max_size=30),
    ties=st.lists(st.integers(1, 60), min_size=1, max_size=20),
)
def test_a_server_that_cuts_pages_among_ties_is_not_at_its_end(
    paginator: Paginator, sizes: list[int], ties: list[int]
) -> None:
    """Many rows a second, to the second, as the API's times are: a cut page may show nothing older than the edge."""
    rows = newest_first([second for second, count in enumerate(ties, 1) for _ in range(count)])
    turn = iter(sizes * 300)
    shelf = Shelf(rows, cut=lambda asked: min(asked, next(turn)))
    descent = descend(begin(started=1_000, floor=0, limit=100), shelf.get, paginator)
    assert len(descent.shown) == len(rows)
    assert (descent.step, descent.walk.ended) == (Step.DONE, True)
