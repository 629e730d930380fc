"""What a client may cost the server: each limit is tried by a real client over a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.address import Address, bind
from exporter.web.limits import Limits, Refusal
from exporter.web.server import WebServer

GET = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
SOON = 0.2
NEVER = 60.0
PATIENT = Limits(header_timeout=NEVER, body_timeout=NEVER, idle_timeout=NEVER, write_timeout=NEVER)


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def send_for_ever(self, data: bytes) -> None:
        """Send until the connection is lost."""
        while True:
            self.send(data)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def answer(self) -> tuple[int, bytes]:
        """Read one response: its status and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return int(head.split()[1]), await self.reader.readexactly(int(length.partition(b":")[2]))

    async def closed(self) -> bytes:
        """Wait until the server has closed the connection; return what it sent until then."""
        received = b""
        try:
            while data := await self.reader.read(65536):
                received += data
        except ConnectionResetError:
            pass
        return received


@dataclass
class Service:
    port: int
    refusals: asyncio.Queue[str]
    clients: list[Client]

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client

    def refused(self) -> list[str]:
        return [self.refusals.get_nowait() for _ in range(self.refusals.qsize())]


def run(trial: Callable[[Service], Awaitable[None]], *, limits: Limits = PATIENT, app: ASGIApp | None = None) -> None:
    """Try something on a running server, which must not take long."""

    async def main() -> None:
        async with asyncio.timeout(20), serving(app or hello, limits) as service:
            await trial(service)

    asyncio.run(main())


@asynccontextmanager
async def serving(app: ASGIApp, limits: Limits) -> AsyncIterator[Service]:
    refusals: asyncio.Queue[str] = asyncio.Queue()
    server = WebServer(app, ["127.0.0.1:0"], limits, refusals.put_nowait)
    await server.start()
    service = Service(server.ports[0], refusals, [])
    try:
        yield service
    finally:
        for client in service.clients:
            client.writer.transport.abort()
        await server.stop(grace=2)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the path, without reading the request's body."""
    await PlainTextResponse(scope["path"])(scope, receive, send)


async def read_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the length of the request's body."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


async def huge(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with more than the network's buffers hold."""
    await Response(bytes(50_000_000))(scope, receive, send)


class Gate:
    """Answers requests for /hello only once opened, others at once."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/hello":
            await hello(scope, receive, send)
            return
        self.entered.set()
        await self.open.wait()
        await hello(scope, receive, send)
        self.left.set()


# Time


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


# Size


@pytest.mark.parametrize("line", [b"X: " + b"x" * 20_000, b"\r\n".join([b"X: x"] * 4000)], ids=["one", "many"])
def test_headers_beyond_the_limit_get_431(line: bytes) -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"GET / HTTP/1.1\r\n" + line + b"\r\n\r\n")
        assert await client.answer() == (431, b"The request's headers exceed 16384 bytes.\n")
        assert await client.closed() == b""
        assert service.refused() == [Refusal.HEADERS_TOO_LARGE]

    run(trial)


def test_a_refused_client_can_read_why_while_it_is_still_sending() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 8_000_000)
        assert (await client.answer())[0] == 431
        assert await client.closed() == b""

    run(trial)


def test_a_refused_client_that_does_not_close_is_cut() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"nonsense\r\n\r\n")
        assert (await client.answer())[0] == 400
        with pytest.raises(ConnectionError):
            await client.send_for_ever(b"more nonsense")

    run(trial, limits=Limits(linger_timeout=SOON))


def test_headers_up_to_the_limit_are_served() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        head = b"GET /hello HTTP/1.1\r\nX: "
        client.send(head + b"x" * (16 * 1024 - len(head) - 4) + b"\r\n\r\n")
        assert await client.answer() == (200, b"/hello")

    run(trial)


def test_a_body_declared_too_large_gets_413_before_it_is_sent() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"POST / HTTP/1.1\r\nContent-Length: 65537\r\nExpect: 100-continue\r\n\r\n")
        assert await client.answer() == (413, b"The request's body exceeds 65536 bytes.\n")
        assert await client.closed() == b""
        assert service.refused() == [Refusal.BODY_TOO_LARGE]

    run(trial)


@pytest.mark.parametrize(
    "chunk", [b"10000\r\n" + b"x" * 0x10000 + b"\r\n", b"1;" + b"x" * 0x10000 + b"\r\nx\r\n"], ids=["body", "extension"]
)
def test_a_chunked_body_that_grows_too_large_gets_413(chunk: bytes) -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk)
        assert (await client.answer())[0] == 413
        client.send(bytes(8_000_000))
        await client.writer.drain()  # the rest is still taken in, and thrown away
        assert service.refused() == [Refusal.BODY_TOO_LARGE]

    run(trial, app=catching_disconnects(read_body))


def test_an_answer_that_comes_after_a_refusal_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()

    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"POST /hello HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        await gate.entered.wait()
        client.send(b"20000\r\n" + b"x" * 0x20000)
        assert (await client.answer())[0] == 413
        gate.open.set()
        await gate.left.wait()
        assert await client.closed() == b""

    run(trial, app=gate)
    assert caplog.records == []


def test_a_body_that_grows_too_large_after_the_answer_is_cut() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"POST /hello HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert await client.answer() == (200, b"/hello")
        client.send(b"20000\r\n" + b"x" * 0x20000)
        assert await client.closed() == b""
        assert service.refused() == [Refusal.BODY_TOO_LARGE]

    run(trial)


def test_a_body_up_to_the_limit_is_served() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"POST / HTTP/1.1\r\nContent-Length: 65536\r\n\r\n" + bytes(65536))
        assert await client.answer() == (200, b"65536")

    run(trial, app=read_body)


# Number


def test_connections_beyond_the_cap_are_closed_at_once_and_the_others_live() -> None:
    async def trial(service: Service) -> None:
        first, second = await service.connect(), await service.connect()
        for client in (first, second):
            client.send(GET)
            assert (await client.answer())[0] == 200
        third = await service.connect()
        assert await third.closed() == b""
        assert service.refused() == [Refusal.TOO_MANY_CONNECTIONS]
        first.send(GET)
        assert (await first.answer())[0] == 200

        second.send(b"GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n")
        await second.closed()
        fourth = await service.connect()
        fourth.send(GET)
        assert (await fourth.answer())[0] == 200

    run(trial, limits=Limits(max_connections=2))


def test_a_flood_of_connections_leaves_no_more_than_the_cap() -> None:
    async def trial(service: Service) -> None:
        clients = await asyncio.gather(*(service.connect() for _ in range(60)))
        reasons = [await service.refusals.get() for _ in range(50)]
        assert set(reasons) == {Refusal.TOO_MANY_CONNECTIONS}
        closed = {asyncio.create_task(client.closed()) for client in clients}
        while len(closed) > 10:
            _, closed = await asyncio.wait(closed, return_when=asyncio.FIRST_COMPLETED)
        for survivor in closed:
            survivor.cancel()
        assert service.refused() == []

    run(trial, limits=Limits(max_connections=10, header_timeout=NEVER))


def test_one_connection_carries_many_requests() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        for number in range(20):
            client.send(b"GET /%d HTTP/1.1\r\n\r\n" % number)
            assert await client.answer() == (200, b"/%d" % number)

    run(trial)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(5)))
        assert [await client.answer() for _ in range(5)] == [(200, b"/%d" % number) for number in range(5)]
        assert await client.closed() == b""
        assert service.refused() == []

    run(trial, limits=Limits(idle_timeout=SOON))


def test_a_slow_answer_to_a_pipelined_request_is_waited_for() -> None:
    gate = Gate()

    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"GET /first HTTP/1.1\r\n\r\n" + GET)
        assert await client.answer() == (200, b"/first")
        await gate.entered.wait()
        probe = await service.connect()
        await probe.closed()  # by then the idle deadline would have passed
        gate.open.set()
        assert await client.answer() == (200, b"/hello")

    run(trial, limits=Limits(header_timeout=2 * SOON, idle_timeout=SOON), app=gate)


def test_too_many_pipelined_requests_are_cut() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(GET * 1000)
        assert await client.closed() == b""
        assert service.refused() == [Refusal.TOO_MANY_PIPELINED]

    run(trial)


# Form


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_not_http_gets_400_and_is_closed(request_bytes: bytes) -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(request_bytes)
        assert await client.answer() == (400, b"Bad request: this is not valid HTTP/1.1.\n")
        assert await client.closed() == b""
        assert service.refused() == [Refusal.BAD_REQUEST]

    run(trial, app=catching_disconnects(read_body))


@pytest.mark.parametrize(
    ("next_request", "refusal"),
    [
        (b"nonsense\r\n\r\n", Refusal.BAD_REQUEST),
        (b"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", Refusal.BODY_TOO_LARGE),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + bytes(0x1000), Refusal.BODY_TOO_LARGE),
    ],
)
def test_an_error_is_never_written_before_or_into_another_answer(next_request: bytes, refusal: Refusal) -> None:
    gate = Gate()

    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(GET)
        await gate.entered.wait()
        client.send(next_request)
        assert await client.closed() == b""
        assert service.refused() == [refusal]
        gate.open.set()

    run(trial, limits=replace(PATIENT, max_body_bytes=1000), app=gate)


def test_an_upgrade_is_answered_in_http_1_1_and_closed() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"GET /hello HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert await client.answer() == (200, b"/hello")
        assert await client.closed() == b""
        assert service.refused() == []

    run(trial)


def catching_disconnects(app: ASGIApp) -> ASGIApp:
    """Bear that the client has gone, as an application should."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except ClientDisconnect:
            await hello(scope, receive, send)

    return wrapped
