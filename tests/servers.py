"""Real servers on loopback that answer byte for byte what a test tells them, well or badly."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import h2.config
import h2.connection
import h2.events

TLS_HANDSHAKE = b"\x16"
"""The first byte of a client that speaks TLS; a plain server answers that with an error, as real ones do."""


@dataclass(frozen=True)
class Request:
    """What a client sent; the names of ``headers`` are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))


Handler = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]
Answer = bytes | Handler


@dataclass
class Server:
    """A running server: where it listens, what it was asked, and in ``connections`` how often it was connected to."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0


def answer(status: int = 200, body: bytes = b"[]", **headers: str) -> bytes:
    """Return a whole HTTP/1.1 answer; ``content_encoding="gzip"`` becomes ``content-encoding: gzip``."""
    fields = {"content-length": str(len(body)), "connection": "close"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


async def silence(request: Request, writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def reset(request: Request, writer: asyncio.StreamWriter) -> None:
    """Cut the connection instead of an answer."""
    writer.transport.abort()


def drip(start: bytes, drop: bytes = b" ", every: float = 0.02) -> Handler:
    """Return an answer that begins with ``start`` and goes on for ever, a drop ``every`` seconds."""

    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(every)

    return handle


@asynccontextmanager
async def http_server(*answers: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Serve HTTP/1.1, one request a connection: the first request gets the first answer, the last answer repeats."""
    server = Server()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        if first == TLS_HANDSHAKE:
            writer.write(answer(400))
            return
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        fields = (line.partition(":") for line in head[1:] if line)
        request = Request(method, target, {name.lower(): value.strip() for name, _, value in fields})
        server.requests.append(request)
        reply = answers[min(len(server.requests), len(answers)) - 1]
        if isinstance(reply, bytes):
            writer.write(reply)
            await writer.drain()
        else:
            await reply(request, writer)

    async with _listening(server, converse, tls):
        yield server


@asynccontextmanager
async def http2_server(*answers: H2Answer | None, tls: ssl.SSLContext) -> AsyncIterator[Server]:
    """Serve HTTP/2: the first request gets the first answer, the last answer repeats, None is no answer at all."""
    server = Server()
    tls.set_alpn_protocols(["h2"])

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        wire.initiate_connection()
        writer.write(wire.data_to_send())
        while data := await reader.read(65536):
            for event in wire.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    headers = {name.decode(): value.decode() for name, value in event.headers}
                    server.requests.append(Request(headers[":method"], headers[":path"], headers))
                    reply = answers[min(len(server.requests), len(answers)) - 1]
                    if reply is not None:
                        reply.send(wire, event.stream_id)
            writer.write(wire.data_to_send())
            await writer.drain()

    async with _listening(server, converse, tls):
        yield server


@dataclass(frozen=True)
class H2Answer:
    """One HTTP/2 answer; ``body`` is below 64 KiB, and with ``reset`` the stream is reset after it."""

    status: int = 200
    body: bytes = b"[]"
    headers: Mapping[str, str] = field(default_factory=dict)
    reset: bool = False

    def send(self, wire: h2.connection.H2Connection, stream: int) -> None:
        wire.send_headers(stream, [(":status", str(self.status)), *self.headers.items()])
        for start in range(0, len(self.body), wire.max_outbound_frame_size):
            wire.send_data(stream, self.body[start : start + wire.max_outbound_frame_size])
        if self.reset:
            wire.reset_stream(stream)
        else:
            wire.end_stream(stream)


@asynccontextmanager
async def _listening(
    server: Server,
    converse: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    tls: ssl.SSLContext | None,
) -> AsyncIterator[None]:
    """Listen on a free port; on leaving, end every conversation."""
    conversations: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.add(task)
        server.connections += 1
        # The client hanging up early is what many of the tests are about, and leaving the server cancels.
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            await converse(reader, writer)
            writer.close()
            await writer.wait_closed()
        writer.transport.abort()
        conversations.discard(task)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield
    finally:
        listener.close()
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations)
        await listener.wait_closed()
