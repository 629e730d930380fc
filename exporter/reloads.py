"""Reloads one after the other: whoever asks while one waits for its turn shares that one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Reloads:
    """The reloads of a daemon, however often they are asked for: one at work, and one that waits, at most."""

    def __init__(self, work: Callable[[], Awaitable[str | None]]) -> None:
        """``work`` reloads, and returns what is wrong or None."""
        self.turn = asyncio.Lock()
        """Held by the one at work; whoever else holds it keeps reloads waiting."""
        self._work = work
        self._waiting: asyncio.Task[str | None] | None = None
        self._tasks: set[asyncio.Task[str | None]] = set()

    def soon(self) -> asyncio.Task[str | None]:
        """Return a reload that has not begun yet, so that it finds all that was written until now."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._take_turn(), name="reload")
            self._tasks.add(self._waiting)
            self._waiting.add_done_callback(self._tasks.discard)
        return self._waiting

    async def _take_turn(self) -> str | None:
        async with self.turn:
            self._waiting = None
            return await self._work()
