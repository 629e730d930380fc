"""Serves an ASGI application on several addresses, in the event loop of the caller."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.address import BACKLOG, bind, parse_address
from exporter.web.limits import Limits
from exporter.web.protocol import BoundedConfig, RawHeaders
from exporter.web.tls_accept import Endpoint, TlsAcceptor
from exporter.web.turns import is_gone


class WebServer:
    """An HTTP server. It installs no signal handlers: whoever starts it stops it."""

    def __init__(
        self,
        app: ASGIApp,
        addresses: Sequence[str],
        limits: Limits,
        on_refused: Callable[[str], None] = lambda reason: None,
        *,
        endpoint: Callable[[], Endpoint] | None = None,
        headers_of: Callable[[RawHeaders], RawHeaders] = lambda headers: headers,
    ) -> None:
        """Prepare to serve ``app``; ``on_refused`` is told a ``Refusal`` for each connection refused or cut.

        With an ``endpoint`` TLS is spoken, and it is asked for each connection. ``headers_of`` returns the headers to
        send in place of those of an answer that ``app`` has no part in.
        Raises ValueError for an address that is not ``HOST:PORT``.
        """
        self._addresses = [parse_address(address) for address in addresses]
        if endpoint is not None:
            limits = replace(limits, max_connections=min(limits.max_connections, limits.max_tls_connections))
        self._config = BoundedConfig(_quiet(app), limits, on_refused, headers_of, backlog=BACKLOG)
        self._server = uvicorn.Server(self._config)
        self._acceptor = TlsAcceptor(self._config, self._server.server_state, endpoint) if endpoint else None
        self._sockets: list[socket.socket] = []
        self._running: asyncio.Task[None] | None = None
        self._ports: tuple[int, ...] = ()

    @property
    def ports(self) -> tuple[int, ...]:
        """The port of each address, once started: tells which one the system chose for port 0."""
        return self._ports

    @property
    def scheme(self) -> str:
        """``https``, or ``http`` without TLS."""
        return "https" if self._acceptor else "http"

    async def start(self) -> None:
        """Bind every address, then serve.

        Raises OSError naming the address that cannot be bound; nothing is served then.
        """
        try:
            for address in self._addresses:
                self._sockets.append(await bind(address))
        except OSError:
            for sock in self._sockets:
                sock.close()
            raise
        self._ports = tuple(sock.getsockname()[1] for sock in self._sockets)
        # The steps of uvicorn's serve(), which would also take over the process's signal handlers.
        self._config.load()
        self._server.lifespan = self._config.lifespan_class(self._config)
        await self._server.startup([] if self._acceptor else self._sockets)
        if self._acceptor:
            self._acceptor.start(self._sockets)
        self._running = asyncio.create_task(self._run(), name="web server")

    async def stop(self, grace: float) -> None:
        """Accept no more, let requests in flight end for up to ``grace`` seconds, then cut what is left.

        Takes less than half a second longer than ``grace``; without requests in flight, no longer than that in all.
        """
        if self._running is None:
            return
        self._server.should_exit = True
        _, unfinished = await asyncio.wait({self._running}, timeout=grace)
        if unfinished:
            self._cut()
        await self._running

    async def _run(self) -> None:
        await self._server.main_loop()
        if self._acceptor:
            await self._acceptor.stop()
        await self._server.shutdown(self._sockets)

    def _cut(self) -> None:
        """Drop every connection and cancel what still works on an answer."""
        self._server.force_exit = True
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        for task in list(self._server.server_state.tasks):
            task.cancel()


def _quiet(app: ASGIApp) -> ASGIApp:
    """Wrap ``app``, as uvicorn would log an error of it where a request is cancelled or its client has left."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            is_gone(scope)
            await send(message)

        with suppress(asyncio.CancelledError):
            await app(scope, receive, answer)

    return wrapped
