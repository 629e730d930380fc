"""The one place that reads a clock and sleeps."""

from __future__ import annotations

import asyncio
import time

from exporter.models import SECOND


class SystemClock:
    """The machine's clocks, behind :class:`exporter.models.Clock`."""

    def now(self) -> int:
        return time.time_ns() * SECOND // 1_000_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
