from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exporter.api.pages import CursorPaginator, OffsetPaginator
from exporter.counting import coverage as cover
from exporter.counting import walk as walks
from exporter.counting.coverage import (
    CLOCK_MARGIN,
    Coverage,
    Sealed,
    Waiting,
)
from exporter.counting.history import History
from exporter.counting.walk import TOP, Walk
from exporter.models import SECOND, Page, Position
from tests.builders import Shelf, page, row

OFFSET = OffsetPaginator()
CURSOR = CursorPaginator()

both = pytest.mark.parametrize("paginator", [OFFSET, CURSOR], ids=["offset", "cursor"])

NOW = 1_000_000 * SECOND
HOUR = 3600 * SECOND
LATENESS = 900 * SECOND
PROVEN = NOW - 2_000 * SECOND
FRONTIER = NOW - LATENESS - CLOCK_MARGIN
"""Where a sweep that started now moves the frontier to."""

KNOWN = Coverage(
    origin=NOW - 50_000 * SECOND,
    proven=PROVEN,
    horizon=PROVEN - LATENESS,
    max_lateness=LATENESS,
    history=History(top=0, done=0),
    newest=NOW - 100,
)
"""A list that has been followed for a while."""


def walking(floor: int, **walk: Any) -> Walk:
    """A walk that began now and has come down to ``NOW`` in pages of four rows."""
    begun = walks.begin(started=NOW, floor=floor, limit=4, least=3)
    return replace(begun, **({"lo": NOW, "edge": NOW, "position": Position(skip=40)} | walk))


def sweeping(coverage: Coverage = KNOWN, /, *, floor: int | None = None, **walk: Any) -> Coverage:
    """``coverage`` with a sweep under way."""
    return replace(coverage, sweep=walking(coverage.proven if floor is None else floor, **walk))


def searching(coverage: Coverage = KNOWN, /, **walk: Any) -> Coverage:
    """``coverage`` with a search for pending rows under way, a hundred below the frontier."""
    return replace(coverage, search=walking(coverage.proven - 100, **walk))


def reaching(oldest: int) -> Page:
    """A full page that joins a walk which has come down to ``NOW``, and reaches ``oldest``."""
    return page(NOW + 1, NOW, oldest + 1, oldest)


def forget_fingerprints(sealed: Sealed) -> Sealed:
    """``sealed`` without the fingerprints of pages, which say nothing to a reader."""
    coverage = sealed.coverage
    sweep, search = (walk and replace(walk, fingerprint=0) for walk in (coverage.sweep, coverage.search))
    return replace(sealed, coverage=replace(coverage, sweep=sweep, search=search))


def swept(coverage: Coverage, shown: Page, pending: dict[int, Waiting] | None = None) -> Sealed:
    return cover.sweep_page(coverage, pending or {}, shown, OFFSET)


# The beginning


def test_counting_starts_now_and_the_frontier_below_what_may_be_under_way() -> None:
    frontier = NOW - LATENESS - CLOCK_MARGIN
    assert cover.start(NOW, 0, LATENESS) == Coverage(
        origin=NOW,
        proven=frontier,
        horizon=frontier,
        max_lateness=LATENESS,
        history=History(top=frontier, done=frontier),
        newest=0,
        lost=0,
        lost_until=0,
    )


def test_counting_can_start_in_the_past() -> None:
    assert cover.start(NOW, 3_600 * SECOND, LATENESS) == cover.start(NOW - 3_600 * SECOND, 0, LATENESS)


def test_after_the_loss_of_the_ledger_everything_since_its_frontier_is_lost() -> None:
    fresh = cover.start(NOW, 0, LATENESS)
    assert cover.after_loss(fresh, NOW - 500) == replace(fresh, lost=500, lost_until=NOW)


def test_a_start_that_looks_back_beyond_the_lost_frontier_loses_nothing() -> None:
    fresh = cover.start(NOW, 1_000, LATENESS)
    assert cover.after_loss(fresh, NOW - 500).lost == 0


def test_a_changed_lateness_changes_nothing_else() -> None:
    assert cover.retarget(KNOWN, 5 * SECOND) == replace(KNOWN, max_lateness=5 * SECOND)


# What is known to be counted


@pytest.mark.parametrize(
    ("pending", "watermark"),
    [
        pytest.param((), PROVEN, id="nothing pending"),
        pytest.param((PROVEN - 50, PROVEN - 70, PROVEN - 20), PROVEN - 71, id="just below the oldest pending row"),
        pytest.param((PROVEN,), PROVEN - 1, id="one at the frontier"),
        pytest.param((PROVEN + 1,), PROVEN, id="one just above"),
        pytest.param((KNOWN.origin,), PROVEN, id="one from before the start, which is never counted"),
        pytest.param((KNOWN.origin + 1,), KNOWN.origin, id="one just after the start"),
    ],
)
def test_the_watermark_is_the_frontier_or_just_below_the_oldest_row_still_pending(
    pending: tuple[int, ...], watermark: int
) -> None:
    waiting = {place: Waiting(created=created, seen=NOW) for place, created in enumerate(pending)}
    assert cover.watermark(KNOWN, waiting) == watermark


@pytest.mark.parametrize(("proven", "gap"), [(FRONTIER, 0), (FRONTIER - 7, 7), (FRONTIER + 7, 0)])
def test_the_open_gap_is_what_should_be_proven_by_now_and_is_not(proven: int, gap: int) -> None:
    assert cover.open_gap(replace(KNOWN, proven=proven), NOW) == gap


def test_a_budget_is_read_back_by_the_lateness_beyond_its_start() -> None:
    assert cover.budget_floor(KNOWN, NOW) == NOW - LATENESS


# Newest pages


@pytest.mark.parametrize("newest", [KNOWN.newest, KNOWN.newest + 50])
def test_a_newest_page_that_shows_what_is_known_may_start_a_sweep(newest: int) -> None:
    seen = replace(KNOWN, regressed_since=NOW - 60 * SECOND)
    assert cover.look(seen, page(newest, observed=NOW)) == (replace(KNOWN, newest=newest, regressed_since=0), True)


@pytest.mark.parametrize("shown", [page(KNOWN.newest - 1, observed=NOW), page(observed=NOW)], ids=["older", "empty"])
def test_a_newest_page_that_lacks_the_newest_known_row_may_not(shown: Page) -> None:
    assert cover.look(KNOWN, shown) == (replace(KNOWN, regressed_since=NOW), False)


@pytest.mark.parametrize(("waited", "usable"), [(HOUR - 1, False), (HOUR, True)])
def test_a_newest_row_that_stays_hidden_is_taken_for_deleted_in_the_end(waited: int, usable: bool) -> None:
    hidden = replace(KNOWN, regressed_since=NOW)
    later = NOW + waited
    expected = replace(KNOWN, newest=NOW - 200, regressed_since=0) if usable else hidden
    assert cover.look(hidden, page(NOW - 200, observed=later)) == (expected, usable)


def test_an_emptied_list_is_believed_in_the_end() -> None:
    hidden = replace(KNOWN, regressed_since=NOW - HOUR)
    assert cover.look(hidden, page(observed=NOW)) == (replace(KNOWN, newest=0, regressed_since=0), True)


@pytest.mark.parametrize(("newest", "usable"), [(KNOWN.horizon, True), (KNOWN.horizon + 1, False)])
def test_what_is_forgotten_need_not_be_shown(newest: int, usable: bool) -> None:
    assert cover.look(replace(KNOWN, newest=newest), page(observed=NOW))[1] is usable


def test_an_empty_list_may_be_swept() -> None:
    fresh = cover.start(NOW, 0, LATENESS)
    assert cover.look(fresh, page(observed=NOW)) == (fresh, True)


def test_a_time_ahead_of_the_servers_own_is_not_believed() -> None:
    assert cover.look(KNOWN, page(NOW + 10**15, observed=NOW)) == (replace(KNOWN, newest=NOW), True)


def test_a_known_time_ahead_of_the_servers_own_does_not_hold_sweeps_up() -> None:
    ahead = replace(KNOWN, newest=NOW + 5)
    assert cover.look(ahead, page(NOW, observed=NOW)) == (ahead, True)


# How deep a sweep goes


def test_a_sweep_goes_down_to_the_frontier() -> None:
    assert cover.floor(KNOWN, {}, NOW) == PROVEN


def test_a_deep_sweep_goes_as_far_back_as_ids_are_known() -> None:
    assert cover.floor(cover.beyond(KNOWN), {}, NOW) == KNOWN.horizon


@pytest.mark.parametrize(
    ("created", "unseen", "floor"),
    [
        pytest.param(NOW - 8_000 * SECOND, 1_000 * SECOND, NOW - 8_000 * SECOND - 1, id="an eighth of its age"),
        pytest.param(NOW - 8_000 * SECOND, 1_000 * SECOND - 1, PROVEN, id="less than that"),
        pytest.param(PROVEN, NOW - PROVEN, PROVEN - 1, id="one at the frontier"),
        pytest.param(PROVEN + 1, NOW - PROVEN, PROVEN, id="one that every sweep passes"),
    ],
)
def test_a_pending_row_below_the_frontier_is_looked_for_whenever_its_age_has_grown_by_an_eighth(
    created: int, unseen: int, floor: int
) -> None:
    assert cover.floor(KNOWN, {1: Waiting(created=created, seen=NOW - unseen)}, NOW) == floor


@pytest.mark.parametrize(
    ("coverage", "floor"),
    [
        pytest.param(replace(KNOWN, search_after=NOW), PROVEN - 10, id="no longer in a pause"),
        pytest.param(replace(KNOWN, search_after=NOW + 1), PROVEN, id="in a pause"),
        pytest.param(searching(), PROVEN, id="while one is under way"),
        pytest.param(searching(cover.beyond(KNOWN)), KNOWN.horizon, id="while one is under way, on a deep sweep"),
    ],
)
def test_a_search_for_old_pending_rows_begins(coverage: Coverage, floor: int) -> None:
    assert cover.floor(coverage, {1: Waiting(created=PROVEN - 9, seen=0)}, NOW) == floor


@given(
    st.lists(
        st.builds(Waiting, created=st.integers(NOW - 10_000, NOW), seen=st.integers(NOW - 2_000, NOW)), max_size=12
    ),
    st.booleans(),
)
def test_the_floor_is_below_the_oldest_pending_row_whose_turn_it_is(rows: list[Waiting], deep: bool) -> None:
    coverage = replace(KNOWN, proven=NOW - 3_000, horizon=NOW - 5_000, deep=deep)
    least = coverage.horizon if deep else coverage.proven
    turns = [each.created - 1 for each in rows if (NOW - each.seen) * 8 >= NOW - each.created]
    assert cover.floor(coverage, dict(enumerate(rows)), NOW) == min([least, *turns])


def test_a_sweep_begins_at_the_top() -> None:
    waiting = {1: Waiting(created=PROVEN - 9, seen=0)}
    begun = cover.begin_sweep(KNOWN, waiting, started=NOW, limit=100, least=20)
    expected = Walk(
        started=NOW,
        floor=PROVEN - 10,
        ceiling=FRONTIER,
        lo=TOP,
        edge=TOP,
        limit=100,
        base_limit=100,
        least=20,
    )
    assert begun == replace(KNOWN, sweep=expected)


def test_a_sweep_need_not_prove_what_the_frontier_cannot_move_to() -> None:
    patient = replace(KNOWN, max_lateness=10_000 * SECOND)
    begun = cover.begin_sweep(patient, {}, started=NOW, limit=100, least=20)
    assert begun.sweep is not None
    assert begun.sweep.ceiling == PROVEN


# Backlog


def test_a_backlog_reaches_down_to_the_known_rows() -> None:
    assert cover.backlog(KNOWN, NOW, PROVEN) == replace(KNOWN, backlog_from=NOW, backlog_to=PROVEN)


@pytest.mark.parametrize(("down_to", "lowest"), [(PROVEN - 1, PROVEN - 1), (PROVEN + 1, PROVEN)])
def test_a_backlog_noticed_again_keeps_the_lower_end(down_to: int, lowest: int) -> None:
    before = cover.backlog(KNOWN, NOW - 60 * SECOND, PROVEN)
    assert cover.backlog(before, NOW, down_to) == replace(KNOWN, backlog_from=NOW, backlog_to=lowest)


@pytest.mark.parametrize(
    ("backlog_from", "shown", "read"),
    [
        pytest.param(NOW, reaching(PROVEN + 10), True, id="reached by a sweep that began when it was noticed"),
        pytest.param(NOW, reaching(PROVEN + 11), False, id="not reached"),
        pytest.param(NOW + 1, reaching(PROVEN + 10), False, id="noticed after the sweep began"),
        pytest.param(NOW, page(NOW + 1), False, id="a page that leads nowhere"),
        pytest.param(NOW, page(PROVEN + 5), False, id="a page that does not join"),
        pytest.param(NOW, page(NOW + 1, NOW), True, id="the end of the list"),
    ],
)
def test_a_backlog_is_read_once_a_later_sweep_has_reached_its_end(backlog_from: int, shown: Page, read: bool) -> None:
    coverage = sweeping(cover.backlog(KNOWN, backlog_from, PROVEN + 10), floor=0)
    after = swept(coverage, shown).coverage
    assert (after.backlog_from, after.backlog_to) == ((0, 0) if read else (backlog_from, PROVEN + 10))


def test_the_time_to_catch_up_goes_by_what_the_sweep_has_done_so_far() -> None:
    behind = cover.backlog(sweeping(lo=NOW - 300 * SECOND), NOW, NOW - 1_000 * SECOND)
    assert cover.eta(behind, NOW + 60 * SECOND, 1) == pytest.approx(700 * 60 / 300)


def test_a_sweep_that_has_hardly_begun_is_given_the_least_time() -> None:
    behind = cover.backlog(sweeping(lo=NOW - 300 * SECOND), NOW, NOW - 1_000 * SECOND)
    assert cover.eta(behind, NOW, 30 * SECOND) == pytest.approx(700 * 30 / 300)


def test_a_sweep_below_the_backlog_has_no_time_left() -> None:
    behind = cover.backlog(sweeping(lo=NOW - 1_200 * SECOND), NOW, NOW - 1_000 * SECOND)
    assert cover.eta(behind, NOW + SECOND, 1) == 0


@pytest.mark.parametrize(
    "coverage",
    [
        pytest.param(sweeping(lo=NOW - SECOND), id="no backlog"),
        pytest.param(cover.backlog(KNOWN, NOW, PROVEN), id="no sweep"),
        pytest.param(cover.backlog(sweeping(lo=TOP), NOW, PROVEN), id="a sweep that has read nothing"),
        pytest.param(cover.backlog(sweeping(lo=NOW), NOW, PROVEN), id="a sweep that has come down to no older time"),
    ],
)
def test_there_is_no_time_to_catch_up_without(coverage: Coverage) -> None:
    assert cover.eta(coverage, NOW + SECOND, SECOND) is None


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


def test_at_the_end_of_the_list_every_pending_row_that_was_not_shown_vanishes() -> None:
    pending = {7: Waiting(created=5, seen=NOW - 1), 8: Waiting(created=6, seen=NOW)}
    assert swept(sweeping(), page(NOW + 1, NOW), pending).vanished == (7,)


def test_what_vanished_is_known_when_the_sweep_has_reached_the_frontier_not_when_the_search_is_done() -> None:
    pending = {7: Waiting(created=PROVEN + 1, seen=NOW - 1), 8: Waiting(created=PROVEN, seen=NOW - 1)}
    assert swept(sweeping(floor=PROVEN - 100), reaching(PROVEN), pending).vanished == (7,)


@pytest.mark.parametrize(
    ("coverage", "shown"),
    [
        pytest.param(sweeping(), reaching(PROVEN + 1), id="under way"),
        pytest.param(sweeping(unproven=1), reaching(PROVEN), id="without proof"),
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


def test_a_search_without_proof_tells_nothing() -> None:
    assert searched(searching(unproven=1), reaching(PROVEN - 100)) == Sealed(KNOWN)


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
