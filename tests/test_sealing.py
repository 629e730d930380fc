"""What sweeps and searches prove: when the frontier moves, what is given up, and what has vanished."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exporter.api.pages import CursorPaginator, OffsetPaginator
from exporter.counting import coverage as cover
from exporter.counting import walk as walks
from exporter.counting.coverage import CLOCK_MARGIN, Coverage, Sealed, Waiting
from exporter.models import SECOND, Page, Position
from tests.builders import Shelf, page, row
from tests.sweeps import (
    FRONTIER,
    HOUR,
    KNOWN,
    LATENESS,
    NOW,
    PROVEN,
    forget_fingerprints,
    reaching,
    searching,
    sweeping,
    swept,
    walking,
)

OFFSET = OffsetPaginator()
CURSOR = CursorPaginator()

# Sealing


def test_a_sweep_that_is_under_way_proves_nothing_yet() -> None:
    coverage = sweeping()
    sealed = swept(coverage, reaching(PROVEN + 1))
    walk = walking(PROVEN, lo=PROVEN + 1, edge=PROVEN + 1, position=Position(skip=42))
    assert forget_fingerprints(sealed) == Sealed(replace(coverage, sweep=walk))


@pytest.mark.parametrize("shown", [reaching(PROVEN), page(NOW + 1, NOW)], ids=["the frontier", "the end"])
def test_a_sweep_that_reaches_the_frontier_moves_it_to_its_start_less_the_lateness(shown: Page) -> None:
    failed_before = replace(KNOWN, failed=2)
    expected = replace(KNOWN, proven=FRONTIER, horizon=FRONTIER - LATENESS, failed=0)
    assert swept(sweeping(failed_before), shown) == Sealed(expected)


def test_rows_as_far_out_of_order_as_is_tolerated_lie_within_the_margin_of_the_frontier() -> None:
    assert walks.TOLERATED_DISORDER <= CLOCK_MARGIN


def test_the_frontier_never_goes_back() -> None:
    impatient = replace(KNOWN, max_lateness=LATENESS * 10)
    assert swept(sweeping(impatient), reaching(PROVEN)).coverage == impatient


def test_the_horizon_never_goes_back() -> None:
    wary = replace(KNOWN, max_lateness=LATENESS * 2, proven=FRONTIER - LATENESS, horizon=FRONTIER - LATENESS)
    after = swept(sweeping(wary), reaching(wary.proven)).coverage
    assert (after.proven, after.horizon) == (FRONTIER - LATENESS, FRONTIER - LATENESS)


def test_what_is_left_of_a_sweep_that_has_reached_the_frontier_is_a_search() -> None:
    sealed = swept(sweeping(floor=PROVEN - 100), reaching(PROVEN))
    search = walking(PROVEN - 100, lo=PROVEN, edge=PROVEN, position=Position(skip=42))
    expected = replace(KNOWN, proven=FRONTIER, horizon=FRONTIER - LATENESS, search=search)
    assert forget_fingerprints(sealed) == Sealed(expected)


def test_a_sweep_that_ends_at_the_frontier_leaves_the_running_search_alone() -> None:
    coverage = searching(sweeping())
    expected = replace(searching(), proven=FRONTIER, horizon=FRONTIER - LATENESS)
    assert swept(coverage, reaching(PROVEN)) == Sealed(expected)


def test_a_deep_sweep_seals_only_when_it_has_come_down_lest_what_it_looks_for_be_forgotten() -> None:
    deep = cover.beyond(KNOWN)
    on_its_way = swept(sweeping(deep, floor=deep.horizon), reaching(deep.horizon + 1)).coverage
    assert (on_its_way.proven, on_its_way.horizon, on_its_way.deep) == (PROVEN, deep.horizon, True)
    expected = replace(KNOWN, proven=FRONTIER, horizon=FRONTIER - LATENESS)
    assert swept(sweeping(deep, floor=deep.horizon), reaching(deep.horizon)) == Sealed(expected)


def test_a_sweep_begun_before_a_deeper_one_was_called_for_ends_without_forgetting_anything() -> None:
    deep = cover.beyond(KNOWN)
    assert swept(sweeping(deep, floor=PROVEN), reaching(PROVEN)) == Sealed(deep)


def test_a_deep_sweep_seals_at_the_horizon_and_leaves_older_pending_rows_to_a_search() -> None:
    deep = cover.beyond(KNOWN)
    after = swept(sweeping(deep, floor=deep.horizon - 10**12), reaching(deep.horizon)).coverage
    assert (after.proven, after.deep, after.sweep) == (FRONTIER, False, None)
    assert after.search is not None


@pytest.mark.parametrize("failed", [0, 1])
def test_an_unprovable_stretch_is_held_open_and_tried_again(failed: int) -> None:
    tried = replace(KNOWN, failed=failed, deep=True)
    sealed = swept(sweeping(tried, unproven=7), reaching(tried.horizon))
    assert sealed == Sealed(replace(tried, failed=failed + 1))


@pytest.mark.parametrize(
    ("unproven", "lost"), [(7, 7), (FRONTIER - PROVEN, FRONTIER - PROVEN), (10**12, FRONTIER - PROVEN)]
)
def test_an_unprovable_stretch_is_given_up_as_lost_in_the_end_but_no_more_than_was_open(
    unproven: int, lost: int
) -> None:
    tried = replace(KNOWN, failed=2, lost=100, deep=True)
    expected = replace(
        KNOWN, proven=FRONTIER, horizon=FRONTIER - LATENESS, lost=100 + lost, lost_until=FRONTIER, failed=0
    )
    assert swept(sweeping(tried, unproven=unproven), reaching(tried.horizon)) == Sealed(expected)


def test_an_unprovable_page_is_said() -> None:
    out_of_order = page(NOW + 1, PROVEN + 5, NOW - 5, NOW - 6)
    assert forget_fingerprints(swept(sweeping(), out_of_order)) == Sealed(sweeping(disordered=1), unprovable=True)


def test_an_unprovable_page_is_said_when_it_ends_the_sweep_too() -> None:
    sealed = swept(sweeping(leapt=SECOND), reaching(PROVEN))
    assert (sealed.unprovable, sealed.coverage) == (True, replace(KNOWN, failed=1))


def test_an_unprovable_stretch_in_passing_is_held_open_and_the_search_goes_on() -> None:
    after = swept(sweeping(floor=PROVEN - 100, unproven=7), reaching(PROVEN)).coverage
    assert (after.proven, after.failed, after.sweep) == (PROVEN, 1, None)
    assert after.search is not None


# Giving up


def stuck(coverage: Coverage) -> Sealed:
    """The sweep asks too deep for the server, and has no other way."""
    return cover.sweep_refused(coverage, {1: Waiting(created=NOW - 5, seen=0)}, OFFSET)


def test_a_sweep_that_gets_stuck_ends_and_proves_nothing() -> None:
    expected = Sealed(replace(KNOWN, failed=1, deep=True), unprovable=True)
    assert stuck(sweeping(replace(KNOWN, deep=True))) == expected


@pytest.mark.parametrize(
    ("failed", "open_for"),
    [(1, 24 * HOUR + SECOND), (50, 24 * HOUR)],
    ids=["too few tries", "not open long enough"],
)
def test_a_depth_that_no_sweep_reaches_is_held_open(failed: int, open_for: int) -> None:
    waiting = replace(KNOWN, failed=failed, proven=NOW - LATENESS - open_for)
    assert stuck(sweeping(waiting)).coverage == replace(waiting, failed=failed + 1)


def test_a_depth_that_no_sweep_reaches_for_a_day_is_given_up_as_lost() -> None:
    oldest = NOW - LATENESS - 24 * HOUR
    waiting = replace(
        KNOWN,
        proven=oldest - 40,
        horizon=oldest - 40 - LATENESS,
        lost=2,
        failed=2,
        deep=True,
    )
    expected = replace(
        waiting,
        proven=oldest,
        horizon=oldest - LATENESS,
        lost=42,
        lost_until=oldest,
        failed=3,
        deep=False,
    )
    assert stuck(sweeping(waiting)).coverage == expected


def test_a_refused_anchor_does_not_end_a_sweep() -> None:
    coverage = sweeping(position=Position(anchors=("b", "a")))
    expected = sweeping(position=Position(anchors=("a",)), retreats=1, stalls=1)
    assert cover.sweep_refused(coverage, {}, CURSOR) == Sealed(expected)


# Vanished rows


@pytest.mark.parametrize(
    ("created", "seen", "vanished"),
    [
        pytest.param(PROVEN + 5, NOW - 1, True, id="in the range, seen before the sweep"),
        pytest.param(PROVEN + 5, NOW, False, id="seen by the sweep"),
        pytest.param(PROVEN - 6, NOW - 1, False, id="at the walk's lower end, where ties may be cut"),
        pytest.param(PROVEN - 5, NOW - 1, True, id="just above it"),
    ],
)
def test_a_pending_row_vanishes_if_a_proven_sweep_does_not_show_it(created: int, seen: int, vanished: bool) -> None:
    sealed = swept(sweeping(), reaching(PROVEN - 6), {7: Waiting(created=created, seen=seen)})
    assert sealed.vanished == ((7,) if vanished else ())


def test_a_pending_row_that_needs_no_proof_yet_does_not_vanish() -> None:
    ceiling = PROVEN + 100
    pending = {place: Waiting(created=ceiling + place, seen=NOW - 1) for place in range(2)}
    assert swept(sweeping(ceiling=ceiling), reaching(PROVEN), pending).vanished == (0,)


def test_a_pending_row_from_the_future_vanishes_too() -> None:
    pending = {7: Waiting(created=NOW, seen=NOW - 1), 8: Waiting(created=NOW + 1, seen=NOW - 1)}
    assert swept(sweeping(ceiling=PROVEN + 100), reaching(PROVEN), pending).vanished == (8,)


def test_pending_rows_vanish_above_and_below_what_a_sweep_passed() -> None:
    coverage = sweeping(unproven=5, passed_top=PROVEN + 90, passed_bottom=PROVEN + 80)
    pending = {place: Waiting(created=PROVEN + place, seen=NOW - 1) for place in (79, 80, 90, 91)}
    assert swept(coverage, reaching(PROVEN), pending).vanished == (79, 91)


def test_a_sweep_moves_the_frontier_no_higher_than_it_looked_for_proof() -> None:
    """As after max_lateness was lowered while it was under way."""
    assert swept(sweeping(ceiling=PROVEN + 100), reaching(PROVEN)).coverage.proven == PROVEN + 100


def test_at_the_end_of_the_list_every_pending_row_that_was_not_shown_vanishes() -> None:
    pending = {7: Waiting(created=0, seen=NOW - 1), 8: Waiting(created=6, seen=NOW)}
    assert swept(sweeping(), page(NOW + 1, NOW), pending).vanished == (7,)


def test_what_vanished_is_known_when_the_sweep_has_reached_the_frontier_not_when_the_search_is_done() -> None:
    pending = {7: Waiting(created=PROVEN + 1, seen=NOW - 1), 8: Waiting(created=PROVEN, seen=NOW - 1)}
    assert swept(sweeping(floor=PROVEN - 100), reaching(PROVEN), pending).vanished == (7,)


@pytest.mark.parametrize(
    ("coverage", "shown"),
    [
        pytest.param(sweeping(), reaching(PROVEN + 1), id="under way"),
        pytest.param(
            sweeping(unproven=1, passed_top=NOW - 5, passed_bottom=NOW - 5), reaching(PROVEN), id="that passed it"
        ),
        pytest.param(sweeping(patience=1), page(NOW, NOW - 1), id="that got stuck"),
    ],
)
def test_nothing_vanishes_by_a_sweep(coverage: Coverage, shown: Page) -> None:
    assert swept(coverage, shown, {7: Waiting(created=NOW - 5, seen=NOW - 1)}).vanished == ()


# The search for pending rows below the frontier


def searched(coverage: Coverage, shown: Page) -> Sealed:
    pending = {7: Waiting(created=PROVEN - 50, seen=NOW - 1), 8: Waiting(created=PROVEN - 200, seen=NOW - 1)}
    return cover.search_page(coverage, pending, shown, OFFSET)


def test_a_search_goes_on_until_it_has_come_down() -> None:
    sealed = searched(searching(), reaching(PROVEN - 99))
    walk = walking(PROVEN - 100, lo=PROVEN - 99, edge=PROVEN - 99, position=Position(skip=42))
    assert forget_fingerprints(sealed) == Sealed(replace(KNOWN, search=walk))


def test_a_search_that_has_come_down_tells_which_rows_have_vanished_and_moves_nothing() -> None:
    assert searched(searching(replace(KNOWN, search_after=5)), reaching(PROVEN - 100)) == Sealed(KNOWN, vanished=(7,))


def test_a_search_that_comes_to_the_end_of_the_list_misses_every_row_that_it_did_not_show() -> None:
    assert searched(searching(), page(NOW + 1, NOW)) == Sealed(KNOWN, vanished=(7, 8))


def test_a_search_tells_nothing_of_what_it_passed_without_proof() -> None:
    below = searching(unproven=1, passed_top=PROVEN - 50, passed_bottom=PROVEN - 50)
    assert searched(below, reaching(PROVEN - 100)) == Sealed(KNOWN)
    above = searching(unproven=1, passed_top=PROVEN - 40, passed_bottom=PROVEN - 49)
    assert searched(above, reaching(PROVEN - 100)) == Sealed(KNOWN, vanished=(7,))


def test_a_search_that_gets_stuck_pauses_and_moves_nothing() -> None:
    expected = Sealed(replace(KNOWN, search_after=NOW + HOUR), unprovable=True)
    assert searched(searching(patience=1), page(NOW, NOW - 1)) == expected
    assert cover.search_refused(searching(), {7: Waiting(created=NOW + 1, seen=0)}, OFFSET) == expected


def test_a_refused_anchor_does_not_end_a_search() -> None:
    coverage = searching(position=Position(anchors=("b", "a")))
    expected = searching(position=Position(anchors=("a",)), retreats=1, stalls=1)
    assert cover.search_refused(coverage, {}, CURSOR) == Sealed(expected)


@pytest.mark.parametrize(
    ("search", "shown"),
    [
        pytest.param(searching(), page(NOW + 1, PROVEN + 5, NOW - 5, NOW - 6), id="that goes on"),
        pytest.param(searching(leapt=SECOND), reaching(PROVEN - 100), id="that is done"),
    ],
)
def test_an_unprovable_page_of_a_search_is_said(search: Coverage, shown: Page) -> None:
    assert searched(search, shown).unprovable


# All together


@given(seed=st.integers(0, 2**32), lateness=st.integers(0, 50 * SECOND))
def test_the_frontier_only_moves_up_and_never_above_what_may_still_become_visible(seed: int, lateness: int) -> None:
    random = Random(seed)
    now = NOW
    coverage = cover.start(now, 0, lateness)
    rows = [row(now - each * SECOND, f"before{each}") for each in range(30)]
    for step in range(80):
        now += random.randrange(1, 5 * SECOND)
        rows.append(row(now - random.randrange(lateness + 1), f"r{step}"))
        rows.sort(key=lambda each: -each.created)
        before = coverage
        if coverage.sweep is None:
            coverage = cover.begin_sweep(coverage, {}, started=now, limit=5, least=5)
        assert coverage.sweep is not None
        started = coverage.sweep.started
        shown = Shelf(rows).get(OFFSET.params(coverage.sweep.position, coverage.sweep.limit))
        assert shown is not None
        coverage = swept(coverage, shown).coverage
        assert coverage.horizon <= coverage.proven
        assert before.proven <= coverage.proven <= max(before.proven, started - lateness - CLOCK_MARGIN)
        assert before.horizon <= coverage.horizon
