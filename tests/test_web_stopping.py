"""How the server stops: requests in flight may end within the grace, and idle connections are closed at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from exporter.web.app import create_app
from exporter.web.limits import Limits
from exporter.web.server import WebServer
from tests.backends import Answer, FakeBackend, fetch


def with_a_request_in_flight(
    trial: Callable[[WebServer, asyncio.Task[Answer], asyncio.Event], Awaitable[None]],
) -> None:
    async def main() -> None:
        gate = asyncio.Event()
        backend = FakeBackend(health_gate=gate)
        server = WebServer(create_app(backend, health_timeout=60), ["127.0.0.1:0"], Limits())
        await server.start()
        request = asyncio.create_task(fetch(server.ports[0], "/-/healthy"))
        async with asyncio.timeout(20):
            await backend.health_entered.wait()
            await trial(server, request, gate)

    asyncio.run(main())


def test_stopping_lets_a_request_in_flight_end_and_takes_no_more() -> None:
    async def trial(server: WebServer, request: asyncio.Task[Answer], gate: asyncio.Event) -> None:
        stopping = asyncio.create_task(server.stop(grace=15))
        while await accepts(server.ports[0]):
            await asyncio.sleep(0)
        assert not stopping.done()
        gate.set()
        assert (await request).body == b"Healthy.\n"
        await stopping

    with_a_request_in_flight(trial)


def test_stopping_cuts_what_outlasts_the_grace(caplog: pytest.LogCaptureFixture) -> None:
    async def trial(server: WebServer, request: asyncio.Task[Answer], gate: asyncio.Event) -> None:
        started = asyncio.get_running_loop().time()
        await server.stop(grace=0.1)
        assert asyncio.get_running_loop().time() - started < 1
        with pytest.raises(ConnectionResetError):
            await request
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with_a_request_in_flight(trial)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_stopping_closes_idle_connections_at_once() -> None:
    async def main() -> None:
        server = WebServer(create_app(FakeBackend()), ["127.0.0.1:0"], Limits())
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
        writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        await server.stop(grace=15)
        assert await reader.read() == b"text"
        writer.close()
        await server.stop(grace=15)

    asyncio.run(asyncio.wait_for(main(), 5))


async def accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:  # refused, or reset if it was still in the listener's queue
        return False
    writer.transport.abort()
    return True
