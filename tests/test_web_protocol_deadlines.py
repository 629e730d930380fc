"""How long a client may keep the server waiting: each deadline is tried by a real client over a real socket."""

from __future__ import annotations

import asyncio
import socket

import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from exporter.web.address import Address, bind
from exporter.web.limits import Limits, Refusal
from tests.trials import GET, NEVER, SOON, Client, Gate, Service, catching_disconnects, read_body, run


async def huge(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with more than the network's buffers hold."""
    await Response(bytes(50_000_000))(scope, receive, send)


def test_a_silent_connection_is_cut() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        assert await client.closed() == b""
        assert service.refused() == [Refusal.HEADERS_TIMEOUT]

    run(trial, limits=Limits(header_timeout=SOON))


def test_dripping_headers_does_not_extend_the_deadline() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"GET / HTTP/1.1\r\nX: ")
        closed = asyncio.create_task(client.closed())
        while not closed.done():
            client.send(b"x")
            await asyncio.sleep(0)
        assert service.refused() == [Refusal.HEADERS_TIMEOUT]

    run(trial, limits=Limits(header_timeout=SOON, max_header_bytes=10**9))


def test_a_stray_byte_between_requests_starts_the_header_deadline() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(GET)
        assert await client.answer() == (200, b"/hello")
        client.send(b"\r\n")
        assert await client.closed() == b""
        assert service.refused() == [Refusal.HEADERS_TIMEOUT]

    run(trial, limits=Limits(header_timeout=SOON, idle_timeout=NEVER))


def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nonly")
        assert await client.closed() == b""
        assert service.refused() == [Refusal.BODY_TIMEOUT]

    app = catching_disconnects(read_body)
    run(trial, limits=Limits(body_timeout=SOON), app=app)


def test_an_idle_connection_is_closed_and_not_called_refused() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(GET)
        assert await client.answer() == (200, b"/hello")
        assert await client.closed() == b""
        assert service.refused() == []

    run(trial, limits=Limits(idle_timeout=SOON))


def test_a_connection_is_idle_too_when_its_body_came_after_the_answer() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"POST /hello HTTP/1.1\r\nContent-Length: 4\r\n\r\n")
        assert await client.answer() == (200, b"/hello")
        client.send(b"late")
        assert await client.closed() == b""
        assert service.refused() == []

    run(trial, limits=Limits(header_timeout=NEVER, body_timeout=NEVER, idle_timeout=SOON))


@pytest.mark.parametrize("connection", [b"keep-alive", b"close"])
def test_a_client_that_does_not_read_is_cut(connection: bytes) -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send(b"GET / HTTP/1.1\r\nConnection: " + connection + b"\r\n\r\n")
        assert await service.refusals.get() == Refusal.WRITE_TIMEOUT

    run(trial, limits=Limits(write_timeout=SOON), app=huge)


def test_a_client_that_does_not_read_the_last_few_bytes_is_cut_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def bind_with_a_small_buffer(address: Address) -> socket.socket:
        sock = await bind(address)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return sock

    async def short(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(bytes(60_000))(scope, receive, send)

    async def trial(service: Service) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", service.port))
        client = Client(*await asyncio.open_connection(sock=sock))
        service.clients.append(client)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert await service.refusals.get() == Refusal.WRITE_TIMEOUT

    monkeypatch.setattr("exporter.web.server.bind", bind_with_a_small_buffer)
    run(trial, limits=Limits(write_timeout=SOON), app=short)


def test_a_client_that_has_read_everything_is_not_cut_later() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(GET)
        assert await client.answer() == (200, bytes(50_000_000))
        probe = await service.connect()
        await probe.closed()  # by then the write deadline has passed
        client.send(GET)
        assert (await client.answer())[0] == 200
        assert service.refused() == [Refusal.HEADERS_TIMEOUT]

    run(trial, limits=Limits(write_timeout=2 * SOON, header_timeout=3 * SOON), app=huge)


def test_a_slow_answer_is_waited_for() -> None:
    gate = Gate()

    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(GET)
        await gate.entered.wait()
        probe = await service.connect()
        await probe.closed()  # by then every deadline that could have hit the first connection has passed
        gate.open.set()
        assert await client.answer() == (200, b"/hello")

    run(trial, limits=Limits(header_timeout=SOON, body_timeout=SOON, idle_timeout=SOON), app=gate)
