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
    REPEAT_COST,
    TOP,
    Extent,
    Outcome,
    Step,
    Walk,
    begin,
    extent,
    miss,
    take,
)
from exporter.models import SECOND, Completion, Page, Paginator, Position
from tests.builders import Poison, Shelf, descend, newest_first, page, row

OFFSET = OffsetPaginator()
CURSOR = CursorPaginator()

both = pytest.mark.parametrize("paginator", [OFFSET, CURSOR], ids=["offset", "cursor"])

DOWN = range(99, 0, -1)
"""Creation times of a list, newest first."""


def under_way(
    *,
    lo: int = 50,
    floor: int = 0,
    limit: int = 4,
    base_limit: int = 4,
    capacity: int = 4,
    position: Position | None = None,
    least: int = 2,
    patience: int = PATIENCE,
    retreats: int = 0,
    stalls: int = 0,
    leapt: bool = False,
    unproven: int = 0,
    disorder: int = 0,
) -> Walk:
    """A walk that has come down to ``lo``, in pages of four."""
    return Walk(
        started=1_000,
        floor=floor,
        lo=lo,
        limit=limit,
        base_limit=base_limit,
        position=Position(skip=40) if position is None else position,
        least=least,
        patience=patience,
        capacity=capacity,
        retreats=retreats,
        stalls=stalls,
        leapt=leapt,
        unproven=unproven,
        disorder=disorder,
        pages=7,
    )


def taken(walk: Walk, shown: Page, paginator: Paginator = OFFSET) -> Outcome:
    """What `take` makes of the page, without the page's fingerprint, which says nothing to a reader."""
    outcome = take(walk, shown, paginator)
    return replace(outcome, walk=replace(outcome.walk, fingerprint=0))


def test_a_walk_begins_at_the_top_with_nothing_covered() -> None:
    assert begin(started=9, floor=5, limit=100) == Walk(
        started=9,
        floor=5,
        lo=TOP,
        limit=100,
        base_limit=100,
        position=Position(),
        largest=MAX_LIMIT,
        least=LEAST_CAPACITY,
        patience=PATIENCE,
        capacity=LEAST_CAPACITY,
    )


def test_a_walk_in_pages_smaller_than_the_least_expects_no_more_than_it_asks_for() -> None:
    walk = begin(started=9, floor=5, limit=3, lo=7, least=10, patience=5)
    assert (walk.least, walk.capacity, walk.lo, walk.patience) == (3, 3, 7, 5)


# How far a page reaches


@pytest.mark.parametrize("shown", [page(), page(Poison()), page(Poison(), Poison())], ids=["empty", "one", "two"])
def test_a_page_without_a_readable_time_has_no_extent(shown: Page) -> None:
    assert extent(shown) is None


def test_a_rejected_row_bears_witness_to_how_far_its_page_reaches() -> None:
    assert extent(page(Poison(9), 8, Poison(7))) == Extent(newest=9, oldest=7, disorder=0)


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
    assert extent(shown) == Extent(newest=max(stamps), oldest=min(stamps), disorder=max(jumps))


def test_a_row_without_a_time_does_not_shift_the_places_of_those_below() -> None:
    assert extent(page(Poison(), 9, Poison(8), 7)) == Extent(newest=9, oldest=7, disorder=0)


# What joins


def test_the_first_page_proves_the_list_down_to_its_oldest_row() -> None:
    walk = begin(started=1_000, floor=0, limit=4, least=2)
    expected = replace(walk, lo=96, capacity=4, position=Position(skip=2), pages=1)
    assert taken(walk, page(99, 98, 97, 96)) == Outcome(Step.ON, expected, joined=True)


def test_a_page_whose_newest_row_is_newer_than_the_covered_edge_joins() -> None:
    walk = under_way(lo=50, retreats=3, stalls=3)
    expected = replace(walk, lo=48, position=Position(skip=42), retreats=0, stalls=0, pages=8)
    assert taken(walk, page(51, 50, 49, 48)) == Outcome(Step.ON, expected, joined=True)


def test_a_page_whose_newest_row_is_only_as_old_as_the_covered_edge_does_not_join() -> None:
    walk = under_way(lo=50)
    expected = replace(walk, position=Position(skip=38), retreats=1, stalls=1, pages=8)
    assert taken(walk, page(50, 49, 48, 47)) == Outcome(Step.ON, expected, joined=False)


def test_a_cursor_page_that_does_not_join_is_asked_for_again_from_the_next_anchor() -> None:
    walk = under_way(lo=50, position=Position(anchors=("c", "b", "a")))
    expected = replace(walk, position=Position(anchors=("b", "a")), retreats=1, stalls=1, pages=8)
    assert taken(walk, page(50, 49), CURSOR) == Outcome(Step.ON, expected, joined=False)


def test_each_retreat_in_a_row_goes_twice_as_far() -> None:
    walk = under_way(lo=50, position=Position(skip=40))
    skips = []
    for _ in range(6):
        walk = take(walk, page(49, 48, 47, 46), OFFSET).walk
        skips.append(walk.position.skip)
    assert skips == [38, 34, 26, 10, 0, 0 - 0 + walk.position.skip]


def test_the_top_of_the_list_always_joins() -> None:
    outcome = take(under_way(lo=50, position=Position()), page(40, 39, 38, 37), OFFSET)
    assert (outcome.joined, outcome.walk.lo, outcome.walk.unproven) == (True, 37, 0)


def test_retreats_end_as_stuck_when_patience_does() -> None:
    walk = under_way(lo=50, stalls=2, patience=3)
    assert taken(walk, page(50, 49)) == Outcome(Step.STUCK, replace(walk, pages=8), joined=False, unprovable=True)


# Where a walk is done


@pytest.mark.parametrize(("floor", "step"), [(48, Step.DONE), (47, Step.ON), (49, Step.DONE)])
def test_a_walk_is_done_once_it_covers_everything_above_its_floor(floor: int, step: Step) -> None:
    outcome = take(under_way(lo=50, floor=floor), page(51, 50, 49, 48), OFFSET)
    assert (outcome.step, outcome.walk.ended, outcome.joined) == (step, False, True)


@pytest.mark.parametrize(("floor", "step"), [(50, Step.DONE), (49, Step.ON)])
def test_a_list_out_of_order_is_walked_deeper_by_its_disorder(floor: int, step: Step) -> None:
    outcome = take(under_way(lo=50, floor=floor), page(51, 47, 49, 48), OFFSET)
    assert (outcome.walk.lo, outcome.walk.disorder, outcome.step) == (47, 2, Step.ON)
    walk = under_way(lo=50, floor=floor, disorder=2, unproven=2)
    outcome = take(walk, page(51, 50, 49, 48), OFFSET)
    assert (outcome.walk.lo, outcome.step) == (48, step)


@pytest.mark.parametrize(
    ("shown", "ended"),
    [
        pytest.param(page(51, 50), True, id="room for more, and nothing older than the edge"),
        pytest.param(page(51, 50, 50, 50), False, id="full up to the edge"),
        pytest.param(page(52, 51, 49), False, id="short, but older rows: the server may have cut it"),
        pytest.param(page(51, 49), False, id="as few as the least that a server cuts to"),
        pytest.param(page(49 + 2), False, id="the edge is not reached"),
    ],
)
def test_the_end_is_a_page_that_had_room_for_older_rows_and_shows_none(shown: Page, ended: bool) -> None:
    outcome = take(under_way(lo=50), shown, OFFSET)
    assert (outcome.walk.ended, outcome.step is Step.DONE, outcome.joined) == (ended, ended, True)


@pytest.mark.parametrize(("size", "ended"), [(9, True), (10, False), (11, False)])
def test_fewer_older_rows_than_any_server_cuts_to_are_the_last_ones(size: int, ended: bool) -> None:
    walk = under_way(lo=50, limit=100, base_limit=100, capacity=100, least=10)
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


@pytest.mark.parametrize("claim", [None, True, False])
@pytest.mark.parametrize(("shown", "step"), [((51, 50, 49, 48), Step.ON), ((51, 50), Step.DONE)])
def test_what_the_server_says_of_more_rows_is_not_believed(
    shown: tuple[int, ...], step: Step, claim: bool | None
) -> None:
    assert take(under_way(lo=50), page(*shown, has_more=claim), OFFSET).step is step


@pytest.mark.parametrize("clamp", [10, 33, 99])
@both
def test_a_server_that_cuts_every_page_short_is_not_at_its_end(paginator: Paginator, clamp: int) -> None:
    rows = newest_first(range(1, 301))
    shelf = Shelf(rows, cut=lambda limit: min(limit, clamp))
    descent = descend(begin(started=1_000, floor=0, limit=100), shelf.get, paginator)
    assert (len(descent.shown), descent.walk.ended, descent.walk.unproven) == (300, True, 0)


@both
@given(sizes=st.lists(st.integers(LEAST_CAPACITY, 60), min_size=1, max_size=30), limit=st.integers(20, 60))
def test_a_server_that_cuts_pages_by_their_bytes_is_not_at_its_end(
    paginator: Paginator, sizes: list[int], limit: int
) -> None:
    """Pages of at most 60 overlap by 5 rows at most, fewer than any server cuts to: no page ends just at the edge."""
    rows = newest_first(range(1, 301))
    turn = iter(sizes * 300)
    shelf = Shelf(rows, cut=lambda asked: min(asked, next(turn)))
    descent = descend(begin(started=1_000, floor=0, limit=limit), shelf.get, paginator)
    assert (len(descent.shown), descent.walk.ended, descent.walk.unproven) == (300, True, 0)


@both
def test_a_page_cut_by_its_bytes_among_ties_at_the_edge_is_not_the_end(paginator: Paginator) -> None:
    """Thirty rows a second, to the second, as the API's times are: the cut page shows nothing older than the edge."""
    rows = newest_first([second for second in range(1, 21) for _ in range(30)])
    turn = iter([100, *[20, 100] * 300])
    shelf = Shelf(rows, cut=lambda asked: min(asked, next(turn)))
    descent = descend(begin(started=1_000, floor=0, limit=100), shelf.get, paginator)
    assert len(descent.shown) == 600 or descent.walk.unproven or descent.step is Step.STUCK


# Ties


def test_a_page_of_ties_is_asked_for_again_twice_as_large() -> None:
    walk = under_way(lo=50, limit=4)
    outcome = taken(walk, page(51, *[50] * 3))
    assert outcome == Outcome(Step.ON, replace(walk, limit=8, stalls=1, pages=8), joined=True, unprovable=True)


@pytest.mark.parametrize(("limit", "larger"), [(500, 1000), (600, 1000), (999, 1000)])
def test_a_page_is_never_asked_to_be_larger_than_the_api_allows(limit: int, larger: int) -> None:
    walk = under_way(lo=50, limit=limit, capacity=limit)
    assert take(walk, page(51, *[50] * (limit - 1)), OFFSET).walk.limit == larger


def test_a_larger_page_that_leads_on_is_the_last_of_its_size() -> None:
    walk = under_way(lo=50, limit=8, capacity=8)
    outcome = take(walk, page(51, *[50] * 5, 49, 48), OFFSET)
    assert (outcome.walk.lo, outcome.walk.limit, outcome.walk.position) == (48, 4, Position(skip=46))


def test_a_larger_page_that_proves_nothing_new_stays_large() -> None:
    walk = under_way(lo=50, limit=8, capacity=4)
    outcome = take(walk, page(52, 51, *[50] * 6), OFFSET)
    assert (outcome.walk.lo, outcome.walk.limit, outcome.walk.position) == (50, 8, Position(skip=41))


@pytest.mark.parametrize(
    ("walk", "size"),
    [
        pytest.param(under_way(lo=50, limit=MAX_LIMIT, capacity=MAX_LIMIT), MAX_LIMIT, id="as large as it gets"),
        pytest.param(replace(under_way(lo=50), largest=4), 4, id="as large as the server lets it be"),
        pytest.param(under_way(lo=50, limit=8), 4, id="cut by the server"),
    ],
)
def test_ties_that_fill_the_largest_page_are_passed_and_remembered_as_unproven(walk: Walk, size: int) -> None:
    outcome = taken(walk, page(51, *[50] * (size - 1)))
    passed = replace(
        walk, position=Position(skip=40 + size - 1), leapt=True, unproven=SECOND, stalls=1, pages=8
    )
    assert outcome == Outcome(Step.ON, passed, joined=True, unprovable=True)


def test_a_cursor_passes_ties_after_their_last_row() -> None:
    walk = replace(under_way(lo=50, position=Position(anchors=("r52",))), largest=4)
    outcome = take(walk, page(row(51, "a"), row(50, "b"), row(50, "c"), row(50, "d")), CURSOR)
    assert outcome.walk.position == Position(anchors=("d", "r52"))


def test_what_lies_between_passed_ties_and_the_next_page_is_unproven() -> None:
    walk = under_way(lo=50, leapt=True, unproven=SECOND)
    expected = replace(
        walk, lo=40, position=Position(skip=42), leapt=False, unproven=SECOND + 50 - 43, pages=8
    )
    assert taken(walk, page(43, 42, 41, 40)) == Outcome(Step.ON, expected, joined=True, unprovable=True)


def test_a_page_after_passed_ties_that_overlaps_adds_nothing_unproven() -> None:
    walk = under_way(lo=50, leapt=True, unproven=SECOND)
    outcome = take(walk, page(50, 49, 48, 47), OFFSET)
    assert (outcome.joined, outcome.unprovable, outcome.walk.unproven) == (True, False, SECOND)


def test_a_leap_that_leads_back_to_the_top_leaves_no_gap() -> None:
    walk = under_way(lo=50, leapt=True, unproven=SECOND, position=Position())
    outcome = take(walk, page(40, 39, 38, 37), OFFSET)
    assert (outcome.unprovable, outcome.walk.unproven) == (False, SECOND)


def test_the_next_page_but_one_after_passed_ties_has_to_join_again() -> None:
    walk = take(under_way(lo=50, leapt=True), page(43, 42, 41, 40), OFFSET).walk
    assert not take(walk, page(40, 39, 38, 37), OFFSET).joined


# Empty and unreadable pages


def test_an_empty_page_at_the_top_is_an_empty_list() -> None:
    walk = begin(started=1_000, floor=0, limit=4)
    assert taken(walk, page()) == Outcome(Step.DONE, replace(walk, pages=1, ended=True), joined=True)


@pytest.mark.parametrize(
    ("paginator", "position", "above"),
    [
        (OFFSET, Position(skip=40), Position(skip=38)),
        (CURSOR, Position(anchors=("b", "a")), Position(anchors=("a",))),
    ],
    ids=["offset", "cursor"],
)
def test_an_empty_page_below_the_top_is_not_the_end(paginator: Paginator, position: Position, above: Position) -> None:
    walk = under_way(lo=50, position=position)
    expected = replace(walk, position=above, retreats=1, stalls=1, pages=8)
    assert taken(walk, page(), paginator) == Outcome(Step.ON, expected, joined=False)


@pytest.mark.parametrize("walk", [under_way(leapt=True, unproven=5), under_way(disorder=5, unproven=5)])
def test_an_empty_page_below_what_was_passed_without_proof_is_the_end_and_unproven(walk: Walk) -> None:
    expected = replace(walk, pages=8, ended=True)
    assert taken(walk, page()) == Outcome(Step.DONE, expected, joined=True, unprovable=True)


def test_a_page_of_unreadable_rows_is_passed_and_remembered_as_unproven() -> None:
    walk = under_way(lo=50)
    expected = replace(walk, position=Position(skip=41), leapt=True, unproven=SECOND, pages=8)
    assert taken(walk, page(Poison(), Poison())) == Outcome(Step.ON, expected, joined=True, unprovable=True)


def test_a_page_of_rejected_rows_with_readable_times_proves_as_much_as_any() -> None:
    outcome = take(under_way(lo=50), page(51, Poison(50), Poison(49), Poison(45)), OFFSET)
    assert (outcome.joined, outcome.walk.lo) == (True, 45)


@both
def test_a_list_of_unreadable_rows_does_not_hold_a_walk_for_ever(paginator: Paginator) -> None:
    unreadable = page(*[Poison()] * 100)
    descent = descend(begin(started=1_000, floor=0, limit=100), lambda params: unreadable, paginator, most=1_000)
    assert descent.step is Step.STUCK


# Order


def test_a_page_out_of_order_is_unprovable_and_the_walk_goes_on() -> None:
    walk = under_way(lo=50, disorder=3, unproven=3)
    outcome = taken(walk, page(51, 46, 48, 47))
    expected = replace(walk, lo=46, position=Position(skip=42), unproven=3 + 2, disorder=3, pages=8)
    assert outcome == Outcome(Step.ON, expected, joined=True, unprovable=True)


def test_the_largest_disorder_is_remembered() -> None:
    assert take(under_way(lo=50, disorder=1), page(51, 40, 48, 47), OFFSET).walk.disorder == 8


def test_in_a_list_out_of_order_a_short_page_is_the_end_wherever_it_reaches() -> None:
    outcome = take(under_way(lo=50, disorder=1, unproven=1), page(70, 69), OFFSET)
    assert (outcome.step, outcome.walk.ended, outcome.walk.lo) == (Step.DONE, True, 50)


@both
def test_a_list_oldest_first_is_read_in_full_and_proves_nothing(paginator: Paginator) -> None:
    rows = newest_first(range(1, 301))[::-1]
    descent = descend(begin(started=1_000, floor=0, limit=50), Shelf(rows).get, paginator, most=20)
    assert descent.step is Step.DONE
    assert descent.shown == {each.id for each in rows}
    assert descent.walk.unproven > 0


# Pages that lead nowhere


def test_a_page_that_reaches_no_deeper_costs_patience() -> None:
    outcome = take(under_way(lo=50, stalls=3), page(60, 59, 58, 57), OFFSET)
    assert (outcome.step, outcome.walk.stalls, outcome.walk.lo) == (Step.ON, 4, 50)


def test_a_page_that_repeats_costs_more_patience() -> None:
    again = page(60, 59, 58, 57)
    walk = take(under_way(lo=50), again, OFFSET).walk
    assert take(walk, again, OFFSET).walk.stalls == 1 + REPEAT_COST


def test_a_page_of_one_row_that_repeats_costs_no_more_than_another() -> None:
    walk = take(under_way(lo=50), page(60), OFFSET).walk
    assert take(walk, page(60), OFFSET).walk.stalls == 2


def test_in_a_list_out_of_order_only_repetition_costs_patience() -> None:
    walk = take(under_way(lo=50, disorder=1), page(60, 59, 58, 57), OFFSET).walk
    assert walk.stalls == 0
    assert take(walk, page(60, 59, 58, 57), OFFSET).walk.stalls == REPEAT_COST


def test_a_walk_is_stuck_when_its_patience_ends() -> None:
    outcome = take(under_way(lo=50, stalls=2, patience=3), page(60, 59, 58, 57), OFFSET)
    assert (outcome.step, outcome.joined, outcome.unprovable) == (Step.STUCK, False, True)
    assert outcome.walk.position == Position(skip=40)


def test_a_page_that_reaches_deeper_restores_patience() -> None:
    assert take(under_way(lo=50, stalls=59), page(51, 50, 49, 48), OFFSET).walk.stalls == 0


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


# A list that does not stand still


class Unquiet:
    """A list that changes between any two requests: rows come at the top and below it, go, and ties change places."""

    def __init__(self, random: Random, size: int, spread: int) -> None:
        self._random = random
        self._spread = spread
        self._serial = 0
        self.rows: set[Completion] = set()
        self.old: set[Completion] = set()
        for _ in range(size):
            self._add()
        self.lasting = set(self.rows)
        """Rows that were there before the walk and still are."""

    def get(self, params: dict[str, str | int]) -> Page | None:
        for _ in range(self._random.randrange(6)):
            if self._random.random() < 0.5:
                self._add()
            elif self.rows:
                gone = self._random.choice(sorted(self.rows, key=lambda each: each.id))
                self.rows.discard(gone)
                self.lasting.discard(gone)
        listed = sorted(self.rows, key=lambda each: (-each.created, self._random.random()))
        return Shelf(listed).get(params)

    def _add(self) -> None:
        self._serial += 1
        self.rows.add(row(self._random.randrange(1, self._spread), f"r{self._serial}"))


@both
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(0, 150),
    spread=st.sampled_from((20, 200, 5_000)),
    limit=st.integers(2, 40),
    depth=st.floats(0, 1),
)
def test_a_proven_walk_has_shown_every_row_that_was_there_throughout(
    paginator: Paginator, seed: int, size: int, spread: int, limit: int, depth: float
) -> None:
    unquiet = Unquiet(Random(seed), size, spread)
    floor = int(depth * spread)
    descent = descend(begin(started=10_000, floor=floor, limit=limit), unquiet.get, paginator)
    if descent.step is Step.DONE and not descent.walk.unproven:
        deepest = 0 if descent.walk.ended else descent.walk.lo
        assert deepest <= floor
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
    assert [each.pages for each in walks] == list(range(1, len(walks) + 1))
