from __future__ import annotations

from itertools import pairwise
from random import Random

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
from exporter.models import SECOND, Completion, Page, Paginator, Position
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


def test_a_walk_in_pages_smaller_than_the_least_expects_no_more_than_it_asks_for() -> None:
    walk = begin(started=9, floor=5, limit=3, least=10)
    assert (walk.least, walk.limit) == (3, 3)


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


# Where a walk is done


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


# Ties


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
    assert taken(walk, page(43, 42, 41, 40)) == Outcome(Step.ON, expected, joined=True, unprovable=True)


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


# A list that does not stand still


class Unquiet:
    """A list that changes between any two requests: rows come at the top and below it, go, and ties change places.

    It is listed by times that are up to ``blur`` earlier than the creation times that it shows.
    """

    def __init__(self, random: Random, size: int, spread: int, blur: int = 0) -> None:
        self._random = random
        self._spread = spread
        self._blur = blur
        self._serial = 0
        self._rows: dict[Completion, int] = {}
        for _ in range(size):
            self._add()
        self.lasting = set(self._rows)
        """Rows that were there before the walk and still are."""

    def get(self, params: dict[str, str | int]) -> Page | None:
        for _ in range(self._random.randrange(6)):
            if self._random.random() < 0.5:
                self._add()
            elif self._rows:
                gone = self._random.choice(list(self._rows))
                del self._rows[gone]
                self.lasting.discard(gone)
        listed = sorted(self._rows.items(), key=lambda entry: (-entry[1], self._random.random()))
        return Shelf([each for each, _ in listed]).get(params)

    def _add(self) -> None:
        self._serial += 1
        listed_by = self._random.randrange(1, self._spread)
        self._rows[row(listed_by + self._random.randint(0, self._blur), f"r{self._serial}")] = listed_by


@both
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(0, 150),
    spread=st.sampled_from((20, 200, 5_000)),
    blur=st.sampled_from((0, 0, 1, 10)),
    limit=st.integers(2, 40),
    depth=st.floats(0, 1),
)
def test_a_proven_walk_has_shown_every_row_that_was_there_throughout(
    paginator: Paginator, seed: int, size: int, spread: int, blur: int, limit: int, depth: float
) -> None:
    unquiet = Unquiet(Random(seed), size, spread, blur)
    floor = int(depth * spread)
    descent = descend(begin(started=10_000, floor=floor, limit=limit), unquiet.get, paginator)
    if descent.step is Step.DONE and not descent.walk.unproven:
        deepest = 0 if descent.walk.ended else descent.walk.lo + blur
        assert deepest <= floor + blur
        assert {each.id for each in unquiet.lasting if each.created > deepest} <= descent.shown


@given(seed=st.integers(0, 2**32), limit=st.integers(2, 40))
def test_what_a_walk_has_covered_only_grows(seed: int, limit: int) -> None:
    unquiet = Unquiet(Random(seed), 100, 300)
    walk, walks = begin(started=10_000, floor=0, limit=limit), []
    for _ in range(40):
        shown = unquiet.get(OFFSET.params(walk.position, walk.limit))
        assert shown is not None
        outcome = take(walk, shown, OFFSET)
        walk = outcome.walk
        walks.append(walk)
        if outcome.step is not Step.ON:
            break
    assert all(later.lo <= earlier.lo and later.unproven >= earlier.unproven for earlier, later in pairwise(walks))
