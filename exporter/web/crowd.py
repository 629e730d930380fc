"""Who gives way when a server is full: of those who hold the most connections, the one that has waited longest.

To refuse newcomers instead would let anyone who holds enough connections open keep Prometheus out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from exporter.web.limits import Limits, Refusal
from exporter.web.origin import origin


class Guest(Protocol):
    """A connection, from its first moment on."""

    @property
    def address(self) -> str:
        """The client's IP address; empty if it has none."""
        ...

    def unread(self) -> int:
        """Return how many bytes were answered that the client has not taken yet."""
        ...

    def give_way(self, reason: Refusal) -> None:
        """Close at once."""
        ...


class Crowd:
    """The connections of a server, by where they come from, and what each waits for."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._origins: dict[Guest, str] = {}
        self._held: Counter[str] = Counter()
        # In the order in which they began to.
        self._waiting: dict[Guest, None] = {}
        self._stalled: dict[Guest, None] = {}

    def enter(self, guest: Guest) -> bool:
        """Count a connection in, for which another one may have to go; False if it must not come in."""
        where = origin(guest.address)
        if len(self._origins) >= self._limits.max_connections:
            one = next(self._who_may_go(where), None)
            if one is None:
                return False
            self._close(one, Refusal.TOO_MANY_CONNECTIONS)
        self._origins[guest] = where
        self._held[where] += 1
        return True

    def leave(self, guest: Guest) -> None:
        """Count a connection out, if it was in."""
        where = self._origins.pop(guest, None)
        if where is None:
            return
        self._held[where] -= 1
        if not self._held[where]:
            del self._held[where]
        self._waiting.pop(guest, None)
        self._stalled.pop(guest, None)

    def waits(self, guest: Guest) -> None:
        """Note that a connection waits, from now on, for its client to send or to read."""
        self._waiting.pop(guest, None)
        if guest in self._origins:
            self._waiting[guest] = None

    def works(self, guest: Guest) -> None:
        """Note that the client of a connection waits for us."""
        self._waiting.pop(guest, None)

    def stalls(self, guest: Guest) -> None:
        """Note that a client does not take its answer as fast as it is written; too much of that is held for nobody."""
        if guest in self._origins:
            self._stalled[guest] = None
        while len(self._stalled) > 1 and (unread := self._unread()).total() > self._limits.max_unread_bytes:
            self._close(max(self._stalled, key=lambda each: unread[self._origins[each]]), Refusal.TOO_MUCH_UNREAD)

    def flows(self, guest: Guest) -> None:
        """Note that a client has taken all that was written to it."""
        self._stalled.pop(guest, None)

    def _who_may_go(self, newcomer: str) -> Iterator[Guest]:
        """Yield those of the origins that hold the most, the newcomer's counted with it: first who waits the longest.

        Whom we work for only goes for somebody who holds less.
        """
        mine = self._held[newcomer] + 1
        most = max(mine, *self._held.values())
        yield from (one for one in self._waiting if self._holds(one, newcomer) == most)
        if most > mine:
            yield from (one for one in self._origins if self._holds(one, newcomer) == most)

    def _holds(self, guest: Guest, newcomer: str) -> int:
        where = self._origins[guest]
        return self._held[where] + (where == newcomer)

    def _unread(self) -> Counter[str]:
        unread: Counter[str] = Counter()
        for guest in self._stalled:
            unread[self._origins[guest]] += guest.unread()
        return unread

    def _close(self, guest: Guest, reason: Refusal) -> None:
        self.leave(guest)
        guest.give_way(reason)
