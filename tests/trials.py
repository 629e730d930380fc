"""A web server on trial: clients that send what they like, and applications that answer them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.limits import Limits
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

    async def connect(self, address: str = "127.0.0.1") -> Client:
        """Connect from a loopback address."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0)))
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


def catching_disconnects(app: ASGIApp) -> ASGIApp:
    """Bear that the client has gone, as an application should."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except ClientDisconnect:
            await hello(scope, receive, send)

    return wrapped


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
