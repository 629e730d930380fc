"""What is done again and again: at once, then by the monotonic clock, whatever the wall clock is set to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from random import Random

import pytest

from exporter.models import SECOND
from exporter.timer import Timer
from tests.clocks import FakeClock


class Stopped(BaseException):
    """Enough turns."""


def run(
    turns: int,
    act: Callable[[int], None] = lambda turn: None,
    *,
    jitter: float = 0.0,
    clock: FakeClock | None = None,
    failed: Callable[[Exception], None] = lambda error: None,
) -> list[float]:
    """When each turn began (monotonic), with an interval of 60 s."""
    clock = clock or FakeClock()
    began: list[float] = []

    async def once() -> None:
        if len(began) == turns:
            raise Stopped
        began.append(clock.monotonic())
        act(len(began))

    timer = Timer(once, interval=60.0, jitter=jitter, clock=clock, random=Random(1), failed=failed)
    with pytest.raises(Stopped):
        asyncio.run(timer.run())
    return began


def test_the_first_turn_is_at_once_the_others_an_interval_apart() -> None:
    assert run(4) == [0.0, 60.0, 120.0, 180.0]


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_wall_clock_that_is_set_changes_nothing(seconds: int) -> None:
    clock = FakeClock()
    assert run(4, lambda turn: clock.step(seconds), clock=clock) == [0.0, 60.0, 120.0, 180.0]


def test_turns_are_spread_so_that_many_exporters_do_not_ask_at_once() -> None:
    began = run(200, jitter=0.1)
    waits = [later - earlier for earlier, later in pairwise(began)]
    assert 54 <= min(waits) < 55 and 65 < max(waits) <= 66


def test_what_a_turn_takes_is_part_of_the_interval() -> None:
    clock = FakeClock()
    assert run(3, lambda turn: clock.advance(40), clock=clock) == [0.0, 60.0, 120.0]


def test_a_turn_that_takes_longer_delays_the_next_and_is_not_made_up_for() -> None:
    clock = FakeClock()
    assert run(4, lambda turn: clock.advance(150 if turn == 1 else 0), clock=clock) == [0.0, 150.0, 210.0, 270.0]


def test_a_turn_that_fails_is_reported_and_the_next_comes_all_the_same() -> None:
    errors: list[Exception] = []

    def act(turn: int) -> None:
        if turn == 2:
            raise ValueError("as told")

    assert run(3, act, failed=errors.append) == [0.0, 60.0, 120.0]
    assert [str(error) for error in errors] == ["as told"]


def test_it_tells_when_the_next_turn_is_due_by_the_wall_clock_as_it_is_now() -> None:
    clock = FakeClock()
    timers: list[Timer] = []

    async def act() -> None:
        assert timers[0].due() == clock.now(), "under way"
        raise Stopped

    timers.append(Timer(act, interval=60.0, jitter=0.0, clock=clock, random=Random(1), failed=lambda error: None))
    with pytest.raises(Stopped):
        asyncio.run(timers[0].run())

    waiting: list[int] = []

    class Watched(FakeClock):
        async def sleep(self, seconds: float) -> None:
            waiting.append(timer.due() - self.now())
            self.step(-3600)
            waiting.append(timer.due() - self.now())
            raise Stopped

    async def nothing() -> None:
        pass

    watched = Watched()
    do: Callable[[], Awaitable[None]] = nothing
    timer = Timer(do, interval=60.0, jitter=0.0, clock=watched, random=Random(1), failed=lambda error: None)
    with pytest.raises(Stopped):
        asyncio.run(timer.run())
    assert waiting == [60 * SECOND, 60 * SECOND]
