"""Token buckets: how many requests, and how many wrong passwords, are looked at in a time."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_MAX_ORIGINS: Final = 1024


class TokenBucket:
    """Fills with a token every ``interval`` seconds, up to ``burst``."""

    def __init__(self, interval: float, burst: int, monotonic: Callable[[], float]) -> None:
        """Start full."""
        self.interval = interval
        self.burst = burst
        self._monotonic = monotonic
        self._tokens = float(burst)
        self._filled = monotonic()

    def take(self) -> bool:
        """Take a token, if there is one."""
        self._fill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def give_back(self) -> None:
        """Put a token back that turned out not to be needed."""
        self._tokens = min(self.burst, self._tokens + 1)

    def wait(self) -> int:
        """Whole seconds until there will be a token, at least 1."""
        self._fill()
        return max(1, math.ceil((1 - self._tokens) * self.interval))

    def _fill(self) -> None:
        now = self._monotonic()
        self._tokens = min(self.burst, self._tokens + (now - self._filled) / self.interval)
        self._filled = now


class Throttle:
    """How many passwords each origin may try."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, where: str) -> int:
        """Count a try. Returns 0, or the seconds to wait if there were too many."""
        bucket = self._bucket(where)
        return 0 if bucket.take() else bucket.wait()

    def give_back(self, where: str) -> None:
        """The try was a good one after all."""
        self._bucket(where).give_back()

    def _bucket(self, where: str) -> TokenBucket:
        bucket = self._buckets.pop(where, None) or TokenBucket(1.0, 10, self._monotonic)
        self._buckets[where] = bucket
        if len(self._buckets) > _MAX_ORIGINS:
            self._buckets.popitem(last=False)
        return bucket
