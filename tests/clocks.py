"""A clock that tests move by hand."""

from __future__ import annotations

import asyncio
from typing import Final

from exporter.models import SECOND

START: Final = 1_767_225_600 * SECOND
"""2026-01-01T00:00:00Z."""


class FakeClock:
    """An :class:`exporter.models.Clock` whose time passes only by :meth:`advance` and :meth:`sleep`."""

    def __init__(self, start: int = START) -> None:
        """Start at ``start`` microseconds since the epoch."""
        self._now = start
        self._monotonic = 0.0
        self.slept: list[float] = []

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass at once, note them in ``slept``, and let other tasks run."""
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on both clocks."""
        self._monotonic += seconds
        self._now += round(seconds * SECOND)

    def step(self, seconds: float) -> None:
        """Set the wall clock alone forward, or back if negative, as an administrator or NTP does."""
        self._now += round(seconds * SECOND)
