"""Runs the stand-in on a socket, inside somebody else's event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from exporter.models import Clock
from exporter.simulator.app import create_app
from exporter.simulator.platform import Platform, SimulatorOptions
from exporter.simulator.responses import TRANSPORT

_BACKLOG = 128


class _Protocol(H11Protocol):
    """Hands the application the connection's transport, for the answers that break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


class _Server(uvicorn.Server):
    """A server that leaves signals to its host, and says when it listens."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_start()


async def serve(
    platform: Platform, host: str, port: int, stop: asyncio.Event, ready: Callable[[str], None] | None = None
) -> None:
    """Serve ``platform`` until ``stop`` is set. Raises OSError, with the address, if it can't be listened on.

    ``ready`` is called with the API's base URL once connections are accepted.
    """
    with _listen(host, port) as listener:
        base_url = _base_url(listener)
        config = uvicorn.Config(
            create_app(platform),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=None,
            access_log=False,
            # Else anybody could claim to be this machine, and steer.
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
        )
        server = _Server(config, lambda: ready(base_url) if ready is not None else None)
        watch = asyncio.create_task(_stop(server, platform, stop))
        try:
            await server.serve(sockets=[listener])
        finally:
            watch.cancel()


async def run(
    options: SimulatorOptions, clock: Clock, stop: asyncio.Event, ready: Callable[[str], None] | None = None
) -> None:
    """Set up the stand-in and serve it until ``stop`` is set; see :func:`serve`."""
    await serve(Platform(options, clock), options.host, options.port, stop, ready)


async def _stop(server: uvicorn.Server, platform: Platform, stop: asyncio.Event) -> None:
    await stop.wait()
    platform.disruptor.release()
    server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: asyncio switches off Nagle's algorithm for no others, and answers would take 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"the simulator can't listen on {host} port {port}: {error.strerror}") from error
    return listener


def _base_url(listener: socket.socket) -> str:
    """Return the URL at which the server is reached from this machine."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
