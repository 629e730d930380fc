"""Who is told: a receiver of notifications on loopback that records what comes, and when."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.e2e.inthread import serving

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request: when it came (seconds since the epoch), its path, and its body, parsed from JSON."""

    at: float
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class News:
    """What a webhook told of an alert for the first time since it told something else of it."""

    at: float
    receiver: str
    status: str
    alert: Mapping[str, Any]

    @property
    def labels(self) -> dict[str, str]:
        """The alert's labels."""
        return dict(self.alert["labels"])

    @property
    def description(self) -> str:
        """The alert's annotation of that name."""
        return str(self.alert["annotations"]["description"])


@dataclass(frozen=True, slots=True)
class Receiver:
    """A running receiver."""

    url: str
    _deliveries: list[Delivery] = field(default_factory=list)

    def deliveries(self, path: str = "") -> Sequence[Delivery]:
        """What came so far under a path, oldest first."""
        return [delivery for delivery in list(self._deliveries) if delivery.path.startswith(path)]

    def news(self) -> list[News]:
        """What Alertmanager's webhooks told so far, oldest first."""
        return [news for _, told in _told(self.deliveries()) for news in told]

    def repetitions(self) -> list[Delivery]:
        """The webhooks' notifications without any news: somebody was told twice."""
        return [delivery for delivery, told in _told(self.deliveries()) if not told]


def _told(deliveries: Sequence[Delivery]) -> Iterator[tuple[Delivery, list[News]]]:
    known: dict[tuple[str, str, str], str] = {}
    for delivery in deliveries:
        body = delivery.body
        if "groupKey" not in body:
            continue
        told = []
        for alert in body["alerts"]:
            key = (body["receiver"], body["groupKey"], alert["fingerprint"])
            if known.get(key) != alert["status"]:
                known[key] = alert["status"]
                told.append(News(delivery.at, body["receiver"], alert["status"], alert))
        yield delivery, told


@contextmanager
def webhook() -> Iterator[Receiver]:
    """Run a receiver on a free port; every POST is welcome."""
    deliveries: list[Delivery] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            at = time.time()
            body = self.rfile.read(int(self.headers["content-length"]))
            deliveries.append(Delivery(at, self.path, json.loads(body)))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: what comes is recorded."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield Receiver(f"http://127.0.0.1:{server.server_port}", deliveries)
