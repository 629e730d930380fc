"""Serves an ASGI application on several addresses, in the event loop of the caller."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.address import BACKLOG, bind, parse_address
from exporter.web.limits import Limits
from exporter.web.protocol import BoundedConfig


class WebServer:
    """An HTTP server. It installs no signal handlers: whoever starts it stops it."""

    def __init__(
        self,
        app: ASGIApp,
        addresses: Sequence[str],
        limits: Limits,
        on_refused: Callable[[str], None] = lambda reason: None,
    ) -> None:
        """Prepare to serve ``app``; ``on_refused`` is told a ``Refusal`` for each connection refused or cut.

        Raises ValueError for an address that is not ``HOST:PORT``.
        """
        self._addresses = [parse_address(address) for address in addresses]
        self._config = BoundedConfig(_quiet_when_cancelled(app), limits, on_refused, backlog=BACKLOG)
        self._server = uvicorn.Server(self._config)
        self._sockets: list[socket.socket] = []
        self._running: asyncio.Task[None] | None = None
        self._ports: tuple[int, ...] = ()

    @property
    def ports(self) -> tuple[int, ...]:
        """The port of each address, once started: tells which one the system chose for port 0."""
        return self._ports

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
        await self._server.startup(self._sockets)
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
        await self._server.shutdown(self._sockets)

    def _cut(self) -> None:
        """Drop every connection and cancel what still works on an answer."""
        self._server.force_exit = True
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        for task in list(self._server.server_state.tasks):
            task.cancel()


def _quiet_when_cancelled(app: ASGIApp) -> ASGIApp:
    """Wrap ``app``, as uvicorn would log a cancelled request as an error of the application."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(asyncio.CancelledError):
            await app(scope, receive, send)

    return wrapped
