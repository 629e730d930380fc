"""One connection of an attacker: it sends any bytes at all, and tells what came back in a word."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CLOSED = "closed"
"""The server hung up without an answer."""

UNANSWERED = "unanswered"
"""Nothing came back although the connection stayed open."""

HOST = "127.0.0.1"

_UNVERIFIED = ssl.create_default_context()
_UNVERIFIED.check_hostname = False
_UNVERIFIED.verify_mode = ssl.CERT_NONE


class Wire:
    """An open connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.bodiless = False
        """Whether answers have a length and no body, as those to HEAD."""

    async def send(self, data: bytes) -> bool:
        """Send ``data``; tell whether the server still takes any."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            return False
        return not self._reader.at_eof()

    async def answer(self) -> str:
        """Read one answer to its end and return its status; ``CLOSED`` if there is none."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
            if not self.bodiless:
                await self._reader.readexactly(int(length.partition(b":")[2]))
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return CLOSED
        return head.split()[1].decode("ascii")

    async def rest(self) -> bytes:
        """Read until the server hangs up."""
        received = b""
        try:
            while data := await self._reader.read(65536):
                received += data
        except OSError:
            pass
        return received


@asynccontextmanager
async def connected(port: int, *, receive_buffer: int | None = None, tls: bool = False) -> AsyncIterator[Wire]:
    """Open a connection, with ``tls`` to whoever answers; drop it at the end without ceremony. Raises OSError."""
    sock = socket.socket()
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (HOST, port))
    except BaseException:
        sock.close()
        raise
    # A small limit, so that one who does not read keeps nothing of the answer in this process either.
    limit = 4096 if receive_buffer else 2**16
    try:
        reader, writer = await asyncio.open_connection(
            sock=sock, limit=limit, ssl=_UNVERIFIED if tls else None, server_hostname="localhost" if tls else None
        )
    except BaseException:
        sock.close()
        raise
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()
