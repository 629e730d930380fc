"""How many requests an account may still send: the plan's limit over any trailing minute, restarts included. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import repeat
from typing import Final, Protocol

from exporter.models import SECOND

MINUTE: Final = 60 * SECOND


class BudgetJournal(Protocol):
    """The durable record of requests, from which a restarted exporter rebuilds its budget."""

    def record_request(self, account: str, at: int) -> None:
        """Commit that a request is about to be sent at ``at`` (microseconds); if this raises, it is not sent."""


class RequestBudget:
    """An exact sliding-window log: at most ``limit`` requests in any trailing ``window`` microseconds.

    Times are wall-clock, because they outlive the process. A request that lies in the future, which means that the
    clock was stepped back, is taken to be sent now: the limit holds and no wait is longer than a window.
    """

    def __init__(self, limit: int, *, window: int = MINUTE, spent: Iterable[int] = ()) -> None:
        """Start with the requests already ``spent`` (microseconds, any order); raise ValueError for a limit below 1."""
        self.limit = limit
        self._window = window
        self._spent = deque(sorted(spent))

    @property
    def limit(self) -> int:
        """Requests allowed in a window; may be changed at any time."""
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"a request budget of {limit} can never send anything; the limit must be at least 1")
        self._limit = limit

    def used(self, now: int) -> int:
        """Return the number of requests in the window that ends at ``now``."""
        self._settle(now)
        return len(self._spent)

    def wait(self, now: int, reserve: int = 0) -> int:
        """Return the microseconds until a request may be sent that leaves ``reserve`` places free; 0 is now.

        A reserve of the whole limit or more is met by an idle window, so that nobody waits for ever.
        """
        allowed = max(self._limit - reserve, 1)
        excess = self.used(now) - allowed + 1
        return self._spent[excess - 1] + self._window - now if excess > 0 else 0

    def take(self, now: int) -> None:
        """Record a request sent at ``now``."""
        self._settle(now)
        self._spent.append(now)

    def _settle(self, now: int) -> None:
        """Bring requests of the future to ``now``, and drop those that left the window."""
        ahead = 0
        while self._spent and self._spent[-1] > now:
            self._spent.pop()
            ahead += 1
        self._spent.extend(repeat(now, ahead))
        while self._spent and self._spent[0] <= now - self._window:
            self._spent.popleft()
