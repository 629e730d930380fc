"""Builds answers: every one carries the same defensive headers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def respond(
    body: bytes, content_type: str, *, status: int = 200, headers: Mapping[str, str | None] | None = None
) -> Response:
    """Answer with ``body``; of ``headers``, those that are None are left out."""
    extra = {name: value for name, value in (headers or {}).items() if value is not None}
    return Response(body, status, {**_HEADERS, "Content-Type": content_type, **extra})


def respond_text(text: str, *, status: int = 200, headers: Mapping[str, str | None] | None = None) -> Response:
    """Answer with plain text, as lines."""
    return respond(f"{text.rstrip()}\n".encode(), "text/plain; charset=utf-8", status=status, headers=headers)


def respond_html(page: str, *, style: str) -> Response:
    """Answer with a page whose only style sheet, inline, is ``style``; nothing else may load or run."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    policy = f"{_POLICY}; style-src 'sha256-{digest}'"
    return respond(page.encode(), "text/html; charset=utf-8", headers={"Content-Security-Policy": policy})
