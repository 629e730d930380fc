"""What the simulator makes of its trace: how many items of which kind, and how they come about."""

from __future__ import annotations

from collections import Counter

import pytest

from exporter.models import MICRO, SECOND, Status
from exporter.simulator.items import Source
from exporter.simulator.render import row
from exporter.simulator.scenarios import HOSTILE
from tests.clocks import START
from tests.worlds import MINUTE, aged, everything, items_of, make_world


def test_one_seed_makes_one_world_however_it_is_advanced() -> None:
    at_once, in_steps, other = make_world(HOSTILE), make_world(HOSTILE), make_world(HOSTILE, seed=2)
    for minute in range(0, 31):
        in_steps.advance(START + minute * MINUTE)

    assert everything(aged(at_once, 30)) == everything(in_steps)
    assert at_once.truth().as_json() == in_steps.truth().as_json()
    assert everything(aged(other, 30)) != everything(at_once)


@pytest.mark.parametrize("rate", [0.2, 2.5])
def test_rate_scales_the_number_of_items(rate: float) -> None:
    assert aged(make_world(rate=rate)).born == pytest.approx(aged(make_world()).born * rate, rel=0.05)


def test_speed_brings_the_same_items_sooner() -> None:
    slow, fast = aged(make_world(), 9), aged(make_world(speed=3.0), 3)

    assert slow.born == fast.born


def test_workload_is_plausible() -> None:
    world = aged(make_world(), 60)
    completions = items_of(world)
    shares = Counter(item.source for item in everything(world))
    errors = sum(item.status is Status.ERROR for item in everything(world)) / world.born
    brief = [item for item in completions if item.output_tokens is not None and item.output_tokens <= 128]

    assert shares[Source.COMPLETIONS] > 5 * shares[Source.REQUESTS] > 5 * shares[Source.EXECUTIONS] > 0
    assert 0.005 < errors < 0.02
    assert all(0 < (item.time_to_first_token or 0) < item.duration for item in completions)
    assert any((item.credits or 0) % MICRO for item in completions)
    assert sum(item.duration > 10 * SECOND for item in brief) < len(brief) / 100
    for source in (Source.EXECUTIONS, Source.REQUESTS):
        assert not any((item.credits or 0) % MICRO for item in items_of(world, source))


def test_completions_appear_when_they_finish_under_the_second_in_which_they_began() -> None:
    world = make_world()
    seen: dict[str, int] = {}
    for second in range(120):
        now = START + second * SECOND
        world.advance(now)
        for item in items_of(world):
            seen.setdefault(item.id, now)
            assert item.finished <= now

    assert all(item.created == item.started // SECOND * SECOND for item in items_of(world))
    assert all(0 <= seen[item.id] - item.finished < SECOND for item in items_of(world))


def test_jobs_pass_from_queued_over_running_to_their_end() -> None:
    world = make_world()
    passed: dict[str, list[str]] = {}
    for step in range(600):
        world.advance(START + step * SECOND // 5)
        for source in (Source.EXECUTIONS, Source.REQUESTS):
            for item in world.rows(source):
                statuses = passed.setdefault(item.id, [])
                shown = row(item, world.now)["status"]
                if statuses[-1:] != [shown]:
                    statuses.append(shown)

    finished = [statuses for statuses in passed.values() if statuses[-1] in ("completed", "failed")]
    assert ["enqueued", "pending", "running", "completed"] in finished
    life = ("enqueued", "pending", "running", "completed", "failed")
    assert all(statuses == sorted(statuses, key=life.index) for statuses in finished)
