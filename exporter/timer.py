"""Doing something again and again, by the monotonic clock: one that is set back or forward changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

from exporter.models import SECOND, Clock


class Timer:
    """Does ``act`` at once, then every ``interval`` seconds, give or take a share of ``jitter``.

    A turn that takes longer than that delays the next one; two never overlap. What ``act`` raises goes to ``failed``,
    and the next turn comes all the same.
    """

    def __init__(
        self,
        act: Callable[[], Awaitable[None]],
        *,
        interval: float,
        jitter: float,
        clock: Clock,
        random: Random,
        failed: Callable[[Exception], None],
    ) -> None:
        self._act = act
        self._interval = interval
        self._jitter = jitter
        self._clock = clock
        self._random = random
        self._failed = failed
        self._due = clock.monotonic()

    def due(self) -> int:
        """When the next turn begins (µs, wall clock); while one is under way, when that one was due."""
        return self._clock.now() + round((self._due - self._clock.monotonic()) * SECOND)

    async def run(self) -> None:
        """Go on until cancelled."""
        self._due = self._clock.monotonic()
        while True:
            began = self._clock.monotonic()
            try:
                await self._act()
            except Exception as error:
                self._failed(error)
            self._due = began + self._interval * (1 + self._random.uniform(-self._jitter, self._jitter))
            await self._clock.sleep(max(0.0, self._due - self._clock.monotonic()))
