"""Builds answers: every one carries the same defensive headers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


_SLICE: Final = 256 * 1024
"""Bytes of a large body that are written in one go."""


def _headers(content_type: str, headers: Mapping[str, str | None] | None) -> dict[str, str]:
    extra = {name: value for name, value in (headers or {}).items() if value is not None}
    return {**_HEADERS, "Content-Type": content_type, **extra}


def respond(
    body: bytes, content_type: str, *, status: int = 200, headers: Mapping[str, str | None] | None = None
) -> Response:
    """Answer with ``body``; of ``headers``, those that are None are left out."""
    return Response(body, status, _headers(content_type, headers))


def respond_parts(parts: Sequence[bytes], content_type: str, *, headers: Mapping[str, str | None]) -> Response:
    """Answer with a body of several parts. Large ones are neither put together nor copied."""
    size = sum(map(len, parts))
    if size <= _SLICE:
        return respond(b"".join(parts), content_type, headers=headers)
    return _Parts(parts, {**_headers(content_type, headers), "Content-Length": str(size)})


class _Parts(Response):
    """Sends slices of parts, each once the client has taken those before: what it does not take is never copied."""

    def __init__(self, parts: Sequence[bytes], headers: Mapping[str, str]) -> None:
        super().__init__(headers=headers)
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for part in self._parts if scope["method"] != "HEAD" else ():
            for start in range(0, len(part), _SLICE):
                body = memoryview(part)[start : start + _SLICE]
                await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def respond_text(text: str, *, status: int = 200, headers: Mapping[str, str | None] | None = None) -> Response:
    """Answer with plain text, as lines."""
    return respond(f"{text.rstrip()}\n".encode(), "text/plain; charset=utf-8", status=status, headers=headers)


def respond_html(page: str, *, style: str) -> Response:
    """Answer with a page whose only style sheet, inline, is ``style``; nothing else may load or run."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    policy = f"{_POLICY}; style-src 'sha256-{digest}'"
    return respond(page.encode(), "text/html; charset=utf-8", headers={"Content-Security-Policy": policy})
