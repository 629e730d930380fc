from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exporter.counting import coverage as cover
from exporter.counting import walk as walks
from exporter.counting.coverage import CLOCK_MARGIN, Coverage, Waiting
from exporter.counting.history import History
from exporter.counting.walk import TOP, Walk
from exporter.models import SECOND, Page
from tests.builders import page
from tests.sweeps import FRONTIER, HOUR, KNOWN, LATENESS, NOW, PROVEN, reaching, searching, sweeping, swept

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
    assert cover.retarget(KNOWN, 5 * SECOND, 1000) == replace(KNOWN, max_lateness=5 * SECOND)


def test_a_lower_page_size_holds_for_every_walk_under_way() -> None:
    wide = walks.begin(started=9, floor=1, limit=500)
    walking = replace(KNOWN, sweep=wide, search=wide, history=replace(KNOWN.history, walk=wide))
    narrow = walks.narrow(wide, 100)
    expected = replace(walking, sweep=narrow, search=narrow, history=replace(KNOWN.history, walk=narrow))
    assert narrow.limit == 100
    assert cover.retarget(walking, KNOWN.max_lateness, 100) == expected
    assert cover.retarget(walking, KNOWN.max_lateness, 500) == walking


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


def test_an_answer_believed_too_early_does_not_shorten_how_long_a_hidden_row_is_waited_for() -> None:
    known = replace(KNOWN, horizon=NOW - 3 * HOUR)
    early, _ = cover.look(known, page(NOW - 2 * HOUR, observed=NOW - HOUR))
    assert early == replace(known, regressed_since=known.newest)
    assert cover.look(early, page(NOW - 2 * HOUR, observed=NOW + 8 * SECOND)) == (early, False)


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


@pytest.mark.parametrize(
    ("created", "floor"),
    [
        pytest.param([], KNOWN.horizon, id="no row is pending"),
        pytest.param([NOW], KNOWN.horizon, id="a young one"),
        pytest.param([KNOWN.horizon + 1, KNOWN.horizon - 5, KNOWN.horizon], KNOWN.horizon - 6, id="an old one"),
    ],
)
@pytest.mark.parametrize("coverage", [KNOWN, searching(), replace(KNOWN, search_after=NOW + 1)])
def test_to_count_everything_again_a_sweep_goes_down_to_the_horizon_and_every_pending_row(
    coverage: Coverage, created: list[int], floor: int
) -> None:
    waiting = {number: Waiting(created=each, seen=NOW) for number, each in enumerate(created)}
    assert cover.floor(coverage, waiting, NOW, everything=True) == floor
    begun = cover.begin_sweep(coverage, waiting, started=NOW, limit=100, least=20, everything=True)
    assert begun.sweep is not None and begun.sweep.floor == floor


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


@pytest.mark.parametrize(("reached", "read"), [(PROVEN, True), (PROVEN + 1, False)])
def test_what_an_earlier_sweep_has_proven_of_a_backlog_need_not_be_reached_again(reached: int, read: bool) -> None:
    coverage = sweeping(cover.backlog(KNOWN, NOW, PROVEN - HOUR), floor=0)
    assert (swept(coverage, reaching(reached)).coverage.backlog_from == 0) is read


@pytest.mark.parametrize("noticed", [NOW, NOW + 1], ids=["by this sweep", "by the next"])
def test_what_an_earlier_sweep_has_proven_of_a_backlog_takes_no_time(noticed: int) -> None:
    proven, older = (
        sweeping(cover.backlog(KNOWN, noticed, down_to), floor=PROVEN, lo=NOW - 60 * SECOND)
        for down_to in (PROVEN, PROVEN - HOUR)
    )
    assert cover.eta(older, NOW + 60 * SECOND, 1) == cover.eta(proven, NOW + 60 * SECOND, 1)


@pytest.mark.parametrize(
    ("coverage", "unread", "overtaken"),
    [
        pytest.param(sweeping(), NOW - PROVEN + 1, True, id="more than there is to prove"),
        pytest.param(sweeping(), NOW - PROVEN, False, id="as much"),
        pytest.param(sweeping(lo=PROVEN + 1), NOW - PROVEN, False, id="as much, nearly all of which is proven"),
        pytest.param(KNOWN, NOW, False, id="no sweep"),
    ],
)
def test_a_sweep_is_overtaken_by_more_unread_time_than_it_has_to_prove(
    coverage: Coverage, unread: int, overtaken: bool
) -> None:
    assert cover.overtaken(coverage, unread) is overtaken


def test_the_time_to_catch_up_goes_by_what_the_sweep_has_done_so_far() -> None:
    behind = cover.backlog(sweeping(lo=NOW - 300 * SECOND), NOW, NOW - 1_000 * SECOND)
    assert cover.eta(behind, NOW + 60 * SECOND, 1) == pytest.approx(700 * 60 / 300)


def test_a_sweep_that_has_hardly_begun_is_given_the_least_time() -> None:
    behind = cover.backlog(sweeping(lo=NOW - 300 * SECOND), NOW, NOW - 1_000 * SECOND)
    assert cover.eta(behind, NOW, 30 * SECOND) == pytest.approx(700 * 30 / 300)


def test_a_sweep_that_has_come_down_by_the_least_time_there_is_can_tell() -> None:
    behind = cover.backlog(sweeping(lo=NOW - 1), NOW, NOW - 11)
    assert cover.eta(behind, NOW + SECOND, 1) == pytest.approx(10)


def test_a_sweep_below_the_backlog_has_no_time_left() -> None:
    behind = cover.backlog(sweeping(lo=NOW - 1_200 * SECOND), NOW, NOW - 1_000 * SECOND)
    assert cover.eta(behind, NOW + SECOND, 1) == 0


def test_a_backlog_above_the_running_sweep_is_read_by_another_that_has_to_follow_from_the_top() -> None:
    behind = cover.backlog(sweeping(floor=NOW - 2_000 * SECOND, lo=NOW - 300 * SECOND), NOW + 1, NOW + 10 * SECOND)
    left = (2_000 - 300) + (60 - 10)  # what the running one has yet to read, and what the next one will have to
    assert cover.eta(behind, NOW + 60 * SECOND, 1) == pytest.approx(left * 60 / 300)


def test_a_sweep_below_its_floor_leaves_only_the_one_after_it_to_wait_for() -> None:
    behind = cover.backlog(sweeping(floor=NOW - 5, lo=NOW - 10), NOW + 1, NOW)
    assert cover.eta(behind, NOW + 20, 1) == pytest.approx(20 * 20 / 10 / SECOND)


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
