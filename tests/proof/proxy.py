"""A proxy between the exporter and the stand-in that spoils what passes through it, down to the last byte.

It runs on a thread of its own. Every request is answered by the stand-in first; what then reaches the exporter is up to
the fault of that request's path, and how a connection begins is up to the proxy's front: plain, TLS, or broken.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_DEADLINE = 30.0
_HEAD_END = b"\r\n\r\n"
_TURNS_TO_ACCEPT = 5
"""Turns of the event loop in which a connection that was just accepted becomes a conversation, and one to spare."""

_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in its parts; ``body`` as it is on the wire, compressed or not."""

    status: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Reply:
        """Take apart a whole answer that ended with its connection."""
        head, _, body = raw.partition(_HEAD_END)
        status, *lines = head.split(b"\r\n")
        fields = (line.partition(b":") for line in lines)
        # The upstream was asked to close; the client's connection lives on.
        headers = tuple((name.lower(), value.strip()) for name, _, value in fields if name.lower() != b"connection")
        return cls(status, headers, body)

    def having(self, status: bytes | None = None, body: bytes | None = None, **changes: bytes | None) -> Reply:
        """Return it with another status, body or header: ``content_type=b"text/html"``; None takes one away."""
        named = {name.replace("_", "-").encode(): value for name, value in changes.items()}
        kept = [(name, value) for name, value in self.headers if name not in named]
        kept += [(name, value) for name, value in named.items() if value is not None]
        return Reply(status or self.status, tuple(kept), self.body if body is None else body)

    def carrying(self, body: bytes, kind: bytes = b"application/json") -> Reply:
        """Return it with another body that is neither compressed nor wrongly announced."""
        length = str(len(body)).encode()
        return self.having(None, body, content_encoding=None, content_length=length, content_type=kind)

    def chunked(self, size: int = 256) -> Reply:
        """Return it in chunks of ``size`` bytes."""
        pieces = [self.body[start : start + size] for start in range(0, len(self.body), size)]
        framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))
        return self.having(None, framed, content_length=None, transfer_encoding=b"chunked")

    @property
    def head(self) -> bytes:
        """Everything before the body."""
        lines = [self.status, *(name + b": " + value for name, value in self.headers)]
        return b"\r\n".join(lines) + _HEAD_END

    @property
    def raw(self) -> bytes:
        """All of it, as it is sent."""
        return self.head + self.body


class Wire:
    """The exporter's end of a connection, which a fault may treat as it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send, and wait while the exporter does not take it in."""
        self._writer.write(data)
        await self._writer.drain()

    async def drip(self, data: bytes, every: float, size: int = 1) -> None:
        """Send so many bytes ``every`` seconds."""
        for start in range(0, len(data), size):
            await self.send(data[start : start + size])
            await asyncio.sleep(every)

    def reset(self) -> None:
        """End the connection with RST."""
        reset(self._writer)

    def close(self) -> None:
        """End the connection with FIN, after what was sent."""
        self._writer.close()

    @property
    def ended(self) -> bool:
        """Whether this side has ended the connection."""
        return self._writer.is_closing()


Fault = Callable[[Reply, Wire], Awaitable[None]]
"""Delivers an answer to the exporter, well or badly."""

Front = Callable[[Wire], Awaitable[bool]]
"""How a connection begins; False if that was its end."""


async def faithful(reply: Reply, wire: Wire) -> None:
    """Deliver the answer as it is."""
    await wire.send(reply.raw)


async def open_door(wire: Wire) -> bool:
    """Begin a connection as any server does."""
    return True


async def silent(reply: Reply, wire: Wire) -> None:
    """Never answer."""
    await asyncio.Event().wait()


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST: without lingering, closing does not send FIN."""
    connection = writer.get_extra_info("socket")
    if connection is not None:  # or a handshake has failed, and it is closed
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()


@dataclass(slots=True)
class Switch:
    """What the proxy does from now on; may be changed at any time, and holds for the next request or connection."""

    front: Front = open_door
    faults: dict[str, Fault] = field(default_factory=dict)
    """By path; others, and those without one, are delivered faithfully."""
    tls: ssl.SSLContext | None = None
    """TLS is spoken with these certificates, None: no TLS at all."""


class Proxy:
    """Stands between the exporter and ``upstream``. Change :attr:`switch` to spoil what passes."""

    def __init__(self, upstream: str) -> None:
        """Take the upstream's base URL; :meth:`run` starts the proxy on a free port."""
        address = urlsplit(upstream)
        assert address.hostname is not None and address.port is not None
        self._host, self._port, self._path = address.hostname, address.port, address.path
        self._listener: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._conversations: set[asyncio.Task[None]] = set()
        self.port = 0
        self.switch = Switch()
        self.struck: Counter[str] = Counter()
        """Answers and connections that met a fault, by its name."""
        self.connections = 0
        self.requests: list[bytes] = []
        """The heads of all requests."""

    def url(self, scheme: str = "http") -> str:
        """The base URL for the exporter."""
        return f"{scheme}://127.0.0.1:{self.port}{self._path}"

    @contextmanager
    def run(self) -> Iterator[Proxy]:
        """Serve while the context lasts."""
        thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        thread.start()
        try:
            self._call(self._listen())
            yield self
        finally:
            self._call(self._stop())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(_DEADLINE)
            self._loop.close()

    def refuse(self) -> None:
        """Listen no longer: connections are refused."""
        self._call(self._stop())

    def listen(self) -> None:
        """Listen again, on the same port."""
        self._call(self._listen())

    def hang_up(self) -> None:
        """Reset every connection, so that the next request needs a new one."""
        self._call(self._hang_up())

    def _call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_DEADLINE)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for _ in range(_TURNS_TO_ACCEPT):
            await asyncio.sleep(0)
            await self._hang_up()

    async def _hang_up(self) -> None:
        for task in list(self._conversations):
            task.cancel()
        await asyncio.gather(*self._conversations)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        self.connections += 1
        # An exporter that hangs up, or does not like a certificate, is what all of this is about.
        with suppress(OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            await self._converse(reader, writer)
            writer.close()
            await writer.wait_closed()
        reset(writer)
        self._conversations.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire, switch = Wire(reader, writer), self.switch
        if switch.front is not open_door:
            self.struck[switch.front.__name__] += 1
        if not await switch.front(wire):
            return
        if switch.tls is not None:
            await writer.start_tls(switch.tls)
        while not wire.ended:
            request = await reader.readuntil(_HEAD_END)
            self.requests.append(request)
            path = urlsplit(request.split(b" ", 2)[1].decode("ascii")).path
            fault = self.switch.faults.get(path, faithful)
            if fault is not faithful:
                self.struck[getattr(fault, "__name__", repr(fault))] += 1
            await fault(await ask(self._host, self._port, request), wire)


async def ask(host: str, port: int, request: bytes) -> Reply:
    """Return what a server answers to a request."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        lines = [line for line in request.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        writer.write(b"\r\n".join([*lines[:1], b"connection: close", *lines[1:]]))
        return Reply.parse(await reader.read(-1))
    finally:
        writer.close()
