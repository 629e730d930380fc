"""The server's clock as its answers tell it, without believing one answer that is out of line. Pure."""

from __future__ import annotations

from collections import deque

REMEMBERED = 8
"""Answers whose clocks are compared."""


class ServerClock:
    """Compares the ``Date`` headers of an account's answers with each other, and at first with our own clock.

    A time that is too early only delays the proof of coverage; one that is too late would declare rows counted that
    nobody has seen. So of the last few answers, the one furthest behind is believed.
    """

    def __init__(self) -> None:
        self._skews: deque[int] = deque([0], maxlen=REMEMBERED)

    def settle(self, observed: int, skew: int | None) -> int:
        """The time (µs) to take for ``observed``, from an answer whose clock is ``skew`` µs ahead of ours."""
        if skew is None:  # our own time, which may be fast: as far as the other answers tell
            return observed + min(self._skews)
        self._skews.append(skew)
        return observed - (skew - min(self._skews))

    def now(self, local: int) -> int:
        """The server's time (µs) when ours is ``local``."""
        return local + min(self._skews)
