"""Who gives way when a server is full: those that wait for their client, of the address that takes up the most.

To refuse newcomers instead would let anyone who holds enough connections open keep Prometheus out.
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from exporter.web.limits import Limits, Refusal


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
    """The connections of a server, and what each waits for."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._addresses: dict[Guest, str] = {}
        self._held: Counter[str] = Counter()
        # In the order in which they began to.
        self._waiting: dict[Guest, None] = {}
        self._stalled: dict[Guest, None] = {}

    def enter(self, guest: Guest) -> bool:
        """Count a connection in; one that waits makes room for it. False if all are being worked for."""
        if len(self._addresses) >= self._limits.max_connections and not self._make_room():
            return False
        self._addresses[guest] = guest.address
        self._held[guest.address] += 1
        return True

    def leave(self, guest: Guest) -> None:
        """Count a connection out, if it was in."""
        address = self._addresses.pop(guest, None)
        if address is None:
            return
        self._held[address] -= 1
        if not self._held[address]:
            del self._held[address]
        self._waiting.pop(guest, None)
        self._stalled.pop(guest, None)

    def waits(self, guest: Guest) -> None:
        """Note that a connection waits, from now on, for its client to send or to read."""
        self._waiting.pop(guest, None)
        if guest in self._addresses:
            self._waiting[guest] = None

    def works(self, guest: Guest) -> None:
        """Note that the client of a connection waits for us."""
        self._waiting.pop(guest, None)

    def stalls(self, guest: Guest) -> None:
        """Note that a client does not take its answer as fast as it is written; too much of that is held for nobody."""
        if guest in self._addresses:
            self._stalled[guest] = None
        while len(self._stalled) > 1 and (unread := self._unread()).total() > self._limits.max_unread_bytes:
            self._close(max(self._stalled, key=lambda each: unread[each.address]), Refusal.TOO_MUCH_UNREAD)

    def flows(self, guest: Guest) -> None:
        """Note that a client has taken all that was written to it."""
        self._stalled.pop(guest, None)

    def _make_room(self) -> bool:
        if not self._waiting:
            return False
        # Of equals the first: the one that has waited longest.
        self._close(max(self._waiting, key=lambda each: self._held[each.address]), Refusal.TOO_MANY_CONNECTIONS)
        return True

    def _unread(self) -> Counter[str]:
        unread: Counter[str] = Counter()
        for guest in self._stalled:
            unread[guest.address] += guest.unread()
        return unread

    def _close(self, guest: Guest, reason: Refusal) -> None:
        self.leave(guest)
        guest.give_way(reason)
