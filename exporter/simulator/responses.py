"""The answers that a well-behaved server never gives, and the one way in which it gives the others."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from math import ceil

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

TRANSPORT = "transport"
"""Where the server puts a connection's transport in the ASGI scope's ``state``, for the answers that break it."""

_WORTH_PACKING = 512
_PIECES = 16
_CHUNK = 1 << 20


def json_response(
    request: Request, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON ``body``, compressed if the client takes that and it is worth it."""
    response = Response(body, status, dict(headers or {}), media_type="application/json")
    if len(body) >= _WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", ""):
        response.body = gzip.compress(body, compresslevel=5, mtime=0)
        response.headers["content-length"] = str(len(response.body))
        response.headers["content-encoding"] = "gzip"
    response.headers["vary"] = "Accept-Encoding"
    return response


def dripping(body: bytes, seconds: float, sleep: Callable[[float], Awaitable[None]]) -> Response:
    """Return a JSON ``body`` sent in small pieces over ``seconds``."""
    size = max(1, ceil(len(body) / _PIECES))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            await sleep(seconds / _PIECES)
            yield body[start : start + size]

    return StreamingResponse(pieces(), media_type="application/json")


def bomb(size: int) -> bytes:
    """Return a gzip stream of a thousandth of ``size``, which unpacks to ``size`` bytes of blanks."""
    packer = zlib.compressobj(9, wbits=31)
    blanks = b" " * _CHUNK
    parts = [packer.compress(blanks[: min(_CHUNK, size - done)]) for done in range(0, size, _CHUNK)]
    return b"".join([*parts, packer.flush()])


class Cut(Response):
    """Announces the whole body, sends half of it, and closes the connection."""

    media_type = "application/json"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        _transport(scope).close()
        await _disconnected(receive)


class Reset(Response):
    """Resets the connection instead of answering."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = _transport(scope)
        # Without lingering, closing sends RST in place of FIN.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await _disconnected(receive)


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport = scope["state"][TRANSPORT]
    return transport


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
