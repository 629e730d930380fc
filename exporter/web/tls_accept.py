"""Accepts connections for TLS: each gets the certificate of its moment, and none is held for ever by a handshake."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from uvicorn.server import ServerState

from exporter.web.limits import Limits, Refusal
from exporter.web.protocol import BoundedConfig, BoundedProtocol
from exporter.web.tls import alternative_names
from exporter.web.tls_alerts import alerts_reach

log = structlog.get_logger(__name__)

_HANDSHAKE: Final = b"\x16"
"""The first byte of a client that speaks TLS."""

_PLAIN_HTTP: Final = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
"""Go's very answer, which people know how to search for."""

_OUT_OF_RESOURCES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE_SECONDS: Final = 1.0
"""Before the next try when there is no file descriptor left for a connection, as in asyncio's own servers."""


_FAILED_A_COLLECTION: Final = 128
"""asyncio leaves a handshake that failed, and the 256 KiB it read into, in a reference cycle. Garbage collection counts
objects, not bytes: it would let gigabytes of them pile up under a flood."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a new connection meets; ``allowed_names`` are those of client certificates, None for any."""

    context: ssl.SSLContext
    allowed_names: frozenset[str] | None


class Handshake:
    """One client connection until its handshake is done."""

    def __init__(self, connection: socket.socket, address: str, on_refused: Callable[[str], None]) -> None:
        self.connection = connection
        self.address = address
        self.has_transport = False
        """Whether asyncio closes the connection."""
        self.is_made = False
        self._on_refused = on_refused
        self._task: asyncio.Task[None] | None = None

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Begin with what shakes hands."""
        self._task = asyncio.create_task(work, name="TLS handshake")
        return self._task

    def unread(self) -> int:
        """Nothing was answered yet."""
        return 0

    def give_way(self, reason: Refusal) -> None:
        """Close at once."""
        self._on_refused(reason)
        if self._task is not None:
            self._task.cancel()


class TlsProtocol(BoundedProtocol):
    """One client connection, once its handshake is done."""

    def __init__(
        self,
        config: BoundedConfig,
        server_state: ServerState,
        allowed_names: frozenset[str] | None,
        handshake: Handshake,
    ) -> None:
        super().__init__(config, server_state, {})
        self._allowed_names = allowed_names
        self._handshake = handshake

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._handshake.is_made = True
        self._crowd.leave(self._handshake)
        super().connection_made(transport)
        names = alternative_names(transport.get_extra_info("peercert") or {})
        if self._allowed_names is not None and not names & self._allowed_names and not transport.is_closing():
            # In HTTP, as it is too late for an alert: the handshake is done.
            self._refuse(Refusal.CLIENT_NOT_ALLOWED, 403, "Your certificate has none of the names that are allowed.")


class TlsAcceptor:
    """Takes the connections of listening sockets, until it is stopped."""

    def __init__(self, config: BoundedConfig, state: ServerState, endpoint: Callable[[], Endpoint]) -> None:
        """``endpoint`` is asked for each connection."""
        self._config = config
        self._limits: Limits = config.limits
        self._state = state
        self._endpoint = endpoint
        self._listeners: list[asyncio.Task[None]] = []
        self._handshakes: set[asyncio.Task[None]] = set()
        self._failed = 0

    def start(self, sockets: Iterable[socket.socket]) -> None:
        """Begin to accept; the sockets stay the caller's to close."""
        for sock in sockets:
            sock.setblocking(False)
            self._listeners.append(asyncio.create_task(self._listen(sock), name="TLS listener"))

    async def stop(self) -> None:
        """Accept no more, and cut the handshakes under way."""
        tasks = [*self._listeners, *self._handshakes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0)  # sock_accept() gives way only when nobody waits to be accepted
            try:
                connection, peer = await loop.sock_accept(sock)
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    log.error("no connection can be accepted", problem=error.strerror)
                    await self._pause()
                continue
            handshake = Handshake(connection, peer[0], self._config.on_refused)
            if not self._config.crowd.enter(handshake):
                self._config.on_refused(Refusal.TOO_MANY_CONNECTIONS)
                connection.close()
                continue
            self._config.crowd.waits(handshake)
            task = handshake.start(self._admit(handshake))
            self._handshakes.add(task)
            task.add_done_callback(partial(self._ended, handshake))

    def _ended(self, handshake: Handshake, task: asyncio.Task[None]) -> None:
        # Not left to the task, which may have been cancelled before it began.
        self._handshakes.discard(task)
        self._config.crowd.leave(handshake)
        if not handshake.has_transport:
            handshake.connection.close()
        elif not handshake.is_made:
            self._failed += 1
            if self._failed % _FAILED_A_COLLECTION == 0:
                gc.collect()

    async def _pause(self) -> None:
        resumed = asyncio.Event()
        asyncio.get_running_loop().call_later(_PAUSE_SECONDS, resumed.set)
        await resumed.wait()

    async def _admit(self, handshake: Handshake) -> None:
        try:
            async with asyncio.timeout(self._limits.handshake_timeout):
                await self._shake_hands(handshake)
        except TimeoutError:
            self._config.on_refused(Refusal.HANDSHAKE_TIMEOUT)
        except OSError as error:  # ssl.SSLError is one
            log.debug("TLS handshake failed", problem=str(error))
            self._config.on_refused(Refusal.HANDSHAKE_FAILED)

    async def _shake_hands(self, handshake: Handshake) -> None:
        connection = handshake.connection
        first = await _first_byte(connection)
        if first != _HANDSHAKE:
            self._turn_away(connection, first)
            return
        endpoint = self._endpoint()
        handshake.has_transport = True
        with alerts_reach(connection):
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: TlsProtocol(self._config, self._state, endpoint.allowed_names, handshake),
                connection,
                ssl=endpoint.context,
                ssl_handshake_timeout=2 * self._limits.handshake_timeout,  # ours comes first
                ssl_shutdown_timeout=self._limits.linger_timeout,
            )

    def _turn_away(self, connection: socket.socket, first: bytes) -> None:
        """End a connection that is not TLS's; one that merely closes, as a probe of the port does, is no refusal."""
        if first.isupper():
            self._config.on_refused(Refusal.PLAIN_HTTP)
            with suppress(OSError):
                connection.recv(self._limits.max_header_bytes)  # unread, it would reset the connection under our answer
                connection.send(_PLAIN_HTTP)
                connection.shutdown(socket.SHUT_WR)
        elif first:
            self._config.on_refused(Refusal.HANDSHAKE_FAILED)


async def _first_byte(connection: socket.socket) -> bytes:
    """Wait for the first byte and leave it where it is. Raises OSError."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection)
    return connection.recv(1, socket.MSG_PEEK)
