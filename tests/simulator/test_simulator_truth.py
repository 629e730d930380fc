"""What a tireless observer would have counted, whatever has been deleted, amended or forgotten since."""

from __future__ import annotations

import pytest

from exporter.models import MICRO, NO_SKILL, SECOND, UNKNOWN_MODEL
from exporter.simulator import SCENARIOS
from exporter.simulator.faults import Limits
from exporter.simulator.render import row
from exporter.simulator.scenarios import HOSTILE
from exporter.simulator.truth import Key, Total
from tests.clocks import START
from tests.worlds import MINUTE, aged, everything, items_of, make_world


@pytest.mark.parametrize("name", SCENARIOS)
def test_truth_is_what_a_tireless_observer_counts(name: str) -> None:
    world = make_world(dict(SCENARIOS[name].faults), limits=Limits(exposure_seconds=10, late_seconds=60))
    world.effects = SCENARIOS[name].effects
    counted: dict[str, Key] = {}
    totals: dict[Key, Total] = {}
    for second in range(0, 600, 2):
        world.advance(START + second * SECOND)
        for item in everything(world):
            if item.finished <= world.now and not item.is_garbage and item.id not in counted:
                key = Key(item.source, item.model or UNKNOWN_MODEL, item.skill or NO_SKILL, item.status)
                counted[item.id] = key
                totals.setdefault(key, Total()).add(item)

    truth = world.truth()
    assert truth.totals == totals
    assert (
        sum(total.completions for total in totals.values()) + truth.unsettled + truth.lost + truth.bad_rows
        == world.born
    )


def test_truth_can_begin_and_end_at_any_time() -> None:
    world = aged(make_world(), 20)
    middle = START + 10 * MINUTE

    late = world.truth(since=middle)
    early = world.truth(until=middle)

    assert sum(t.completions for t in late.totals.values()) == sum(
        item.created > middle and item.settled_at <= world.now for item in everything(world)
    )
    assert sum(t.completions for t in early.totals.values()) == sum(i.settled_at <= middle for i in everything(world))


def test_forgetting_old_items_keeps_their_sums() -> None:
    hoarder, forgetful = make_world(HOSTILE), make_world(HOSTILE, keep=500)
    for minute in range(0, 31, 5):
        hoarder.advance(START + minute * MINUTE)
        forgetful.advance(START + minute * MINUTE)

    assert forgetful.truth().totals == hoarder.truth().totals
    assert len(everything(forgetful)) < 8_000 < len(everything(hoarder))
    assert forgetful.truth(since=forgetful.now).totals == {}
    with pytest.raises(ValueError, match="kept as sums only: ask for a later time"):
        forgetful.truth(since=START)
    with pytest.raises(ValueError, match="kept as sums only: ask for a later time"):
        forgetful.truth(until=START + MINUTE)


def test_frozen_world_comes_to_rest_and_goes_on_where_it_stopped() -> None:
    world = aged(make_world())
    world.freeze()
    born = world.born
    world.advance(world.now + 60 * MINUTE)

    assert world.frozen
    assert (world.born, world.unsettled) == (born, 0)

    world.thaw()
    resumed = world.now
    world.advance(resumed + MINUTE)
    assert world.born > born
    assert all(item.started >= resumed for item in everything(world) if item.sequence > born)


def test_clock_that_steps_back_changes_nothing() -> None:
    world = aged(make_world())
    before = everything(world)
    world.advance(START)

    assert (world.now, everything(world)) == (START + 10 * MINUTE, before)


def test_deleted_row_leaves_the_list_and_stays_in_the_truth() -> None:
    world = aged(make_world())
    world.freeze()
    world.advance(world.now + 60 * MINUTE)
    before = world.truth()
    victim = items_of(world)[7]
    world.advance(world.now + SECOND)
    world.delete(victim.id)

    assert world.find(victim.id) is None
    assert victim not in items_of(world)
    assert (world.truth().totals, world.truth().deleted) == (before.totals, 1)


def test_amended_row_shows_its_new_credits_and_counts_with_the_old() -> None:
    world = aged(make_world())
    before = world.truth()
    item = items_of(world)[7]
    world.amend(item.id, 5 * MICRO)

    assert row(item, world.now)["usage"]["credits_used"] == 5.0
    assert (world.truth().totals, world.truth().amended) == (before.totals, 1)
