"""Lets clients learn why their handshake failed.

asyncio closes a connection at once when its handshake fails, before OpenSSL's alert is sent: clients would see no more
than a connection that breaks, be it for want of a certificate, a version or a cipher suite.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from contextvars import ContextVar
from typing import Final

connection_under_way: Final[ContextVar[socket.socket | None]] = ContextVar("connection_under_way", default=None)
"""The connection that the current task shakes hands on."""


class AlertingObject(ssl.SSLObject):
    """One end of a connection."""

    _outgoing: ssl.MemoryBIO
    _connection: socket.socket | None = None

    def attach(self, outgoing: ssl.MemoryBIO, connection: socket.socket | None) -> None:
        """Send what ``outgoing`` holds when the handshake fails, if there is a connection."""
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
        made.attach(outgoing, connection_under_way.get())
        return made
