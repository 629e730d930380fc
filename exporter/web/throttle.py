"""Token buckets: how many requests, and how many wrong passwords, are looked at in a time."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

_MAX_ADDRESSES: Final = 1024


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
    """How many passwords may be tried: by one address, and by all together, as each costs a bcrypt hash."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._everyone = TokenBucket(0.2, 50, monotonic)
        self._addresses: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, address: str) -> int:
        """Count a try. Returns 0, or the seconds to wait if there were too many."""
        own = self._bucket(address)
        for bucket in (own, self._everyone):
            if not bucket.take():
                if bucket is self._everyone:
                    own.give_back()
                return bucket.wait()
        return 0

    def give_back(self, address: str) -> None:
        """The try was a good one after all."""
        self._bucket(address).give_back()
        self._everyone.give_back()

    def _bucket(self, address: str) -> TokenBucket:
        key = _network(address)
        bucket = self._addresses.pop(key, None) or TokenBucket(1.0, 10, self._monotonic)
        self._addresses[key] = bucket
        if len(self._addresses) > _MAX_ADDRESSES:
            self._addresses.popitem(last=False)
        return bucket


def _network(address: str) -> str:
    """The address, or for IPv6 the network that one machine usually has all addresses of."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Network((parsed, 64), strict=False))
    return str(parsed)
