"""Lets clients learn why their handshake failed.

asyncio closes a connection at once when its handshake fails, before OpenSSL's alert is sent: clients would see no more
than a connection that breaks, be it for want of a certificate, a version or a cipher suite.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final

_shaking_hands: Final[ContextVar[list[socket.socket] | None]] = ContextVar("_shaking_hands", default=None)
"""The connection that the current task is about to shake hands on; empty once that has begun."""


@contextmanager
def alerts_reach(connection: socket.socket) -> Iterator[None]:
    """Send to ``connection`` the alert of the handshake that begins next in the body, and of no other.

    What the body starts inherits the context for good, as asyncio's callbacks of the connection do, and the tasks that
    answer its requests. So what is handed on is emptied by the first who takes it.
    """
    waiting = [connection]
    token = _shaking_hands.set(waiting)
    try:
        yield
    finally:
        _shaking_hands.reset(token)
        waiting.clear()


class AlertingObject(ssl.SSLObject):
    """One end of a connection."""

    _outgoing: ssl.MemoryBIO
    _connection: socket.socket | None = None

    def attach(self, outgoing: ssl.MemoryBIO, connection: socket.socket) -> None:
        """Send what ``outgoing`` holds to the connection when the handshake fails."""
        self._outgoing, self._connection = outgoing, connection

    def do_handshake(self) -> None:
        """Go on with the handshake. Raises ssl.SSLError."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            if self._connection is not None:
                with suppress(OSError):
                    self._connection.send(self._outgoing.read())
            raise


class AlertingContext(ssl.SSLContext):
    """A server's context that asyncio can use without keeping its alerts from clients."""

    sslobject_class = AlertingObject

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection; asyncio does so in the context of the task that accepted it."""
        made = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        assert isinstance(made, AlertingObject)
        waiting = _shaking_hands.get()
        if waiting:
            made.attach(outgoing, waiting.pop())
        return made
