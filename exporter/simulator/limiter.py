"""The account's request limit."""

from __future__ import annotations

from collections import deque

from exporter.models import Clock

_WINDOW = 60.0


class RateLimiter:
    """Admits at most ``per_minute`` requests in any 60 seconds; None admits all."""

    def __init__(self, per_minute: int | None, clock: Clock) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._admitted: deque[float] = deque()

    def admit(self) -> float:
        """Return 0 and count the request, or return the seconds after which one more is admitted."""
        if self._per_minute is None:
            return 0.0
        now = self._clock.monotonic()
        while self._admitted and self._admitted[0] <= now - _WINDOW:
            self._admitted.popleft()
        if len(self._admitted) < self._per_minute:
            self._admitted.append(now)
            return 0.0
        return self._admitted[-self._per_minute] + _WINDOW - now
