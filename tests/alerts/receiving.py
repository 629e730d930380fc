"""What Alertmanager's notifications run into in tests: a webhook receiver; and a reverse proxy in front of it."""

from __future__ import annotations

import json
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.e2e.inthread import serving


@dataclass
class Webhook:
    """A running receiver: its paths are ``/STATUS/NAME``, and it answers with that status."""

    url: str
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return the notifications to the receiver of that name so far."""
        return [payload for path, payload in self.received if path.endswith(f"/{name}")]


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Receive notifications on loopback."""
    hook = Webhook("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            payload = json.loads(self.rfile.read(int(self.headers["content-length"])))
            hook.received.append((self.path, payload))
            self.send_response(int(self.path.split("/")[1]))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with _serving(Handler) as url:
        hook.url = url
        yield hook


@dataclass(frozen=True, slots=True)
class Answer:
    """What a proxy answers by itself: always, or the first few ``times``."""

    status: int
    body: bytes
    kind: str = "application/json"
    location: str = ""
    times: int | None = None


@contextmanager
def proxy(
    target: str,
    *,
    prefix: str = "",
    authorization: str | None = None,
    instead: dict[str, Answer] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """Pass on to ``target`` what comes under ``prefix``, with the right Authorization only.

    ``instead`` has what is answered without asking, by method and path: ``"GET /metrics"``.
    """
    own = instead or {}
    asked: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            path = self.path.removeprefix(prefix)
            what = f"{self.command} {path.partition('?')[0]}"
            asked[what] += 1
            if authorization is not None and self.headers.get("authorization") != authorization:
                answer = Answer(401, b"", "text/plain")
            elif not self.path.startswith(prefix):
                answer = Answer(404, b"404 page not found\n", "text/plain")
            elif (found := own.get(what)) is not None and asked[what] <= (found.times or asked[what]):
                answer = found
            else:
                kind = {"content-type": self.headers.get("content-type", "text/plain")}
                upstream = httpx.request(self.command, target + path, content=body, headers=kind, trust_env=False)
                answer = Answer(upstream.status_code, upstream.content, upstream.headers.get("content-type", ""))
            self.send_response(answer.status)
            self.send_header("content-type", answer.kind)
            self.send_header("content-length", str(len(answer.body)))
            if answer.location:
                self.send_header("location", answer.location)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with _serving(Handler, tls) as url:
        yield url + prefix
