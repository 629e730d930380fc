"""A runtime that is polled by hand, with the real client and ledger, and the API that it polls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from random import Random

from exporter.books import Books
from exporter.config import load
from exporter.daemon import layout
from exporter.metrics import catalog
from exporter.metrics.exposition import Exposition
from exporter.metrics.telemetry import Telemetry
from exporter.models import SECOND
from exporter.poller import SourcePoller
from exporter.publisher import Publisher
from exporter.runtime import Runtime, terms
from exporter.store import Store
from tests.clocks import FakeClock
from tests.servers import Request, answer, http_server

Reply = Callable[[Request], bytes]


@dataclass
class Api:
    """A list of completions whose rows and answers a test changes as it goes."""

    clock: FakeClock
    rows: list[dict[str, object]] = field(default_factory=list)
    override: Reply | None = None
    requests: list[Request] = field(default_factory=list)
    skew: int = 0

    def add(self, count: int, **fields: object) -> None:
        for _ in range(count):
            self.clock.advance(1)
            created = self.clock.now() // SECOND + self.skew
            self.rows.insert(0, {"id": f"c{len(self.rows)}", "created": created, "status": "success", **fields})

    def page(self, request: Request) -> bytes:
        start, ids = 0, [row["id"] for row in self.rows]
        if "after" in request.params:
            start = ids.index(request.params["after"]) + 1
        shown = self.rows[start : start + int(request.params["limit"])]
        return self.reply(200, {"object": "list", "data": shown, "has_more": False})

    def reply(self, status: int, body: object, **headers: str) -> bytes:
        seconds = self.clock.now() // SECOND + self.skew
        return answer(status, json.dumps(body).encode(), date=formatdate(seconds, usegmt=True), **headers)

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        if not request.path.endswith("/openai/chat/completions"):
            writer.write(self.reply(200, []))
        else:
            writer.write(self.override(request) if self.override else self.page(request))


@dataclass
class Rig:
    """A runtime that is polled by hand."""

    api: Api
    clock: FakeClock
    runtime: Runtime
    telemetry: Telemetry
    exposition: Exposition
    key_file: Path
    rebuilt: Callable[[], Runtime]
    """Builds what a reload would put into its place."""

    @property
    def poller(self) -> SourcePoller:
        return self.runtime.pollers[0]

    async def poll(self, seconds: float = 60.0) -> None:
        self.clock.advance(seconds)
        await self.poller.poll()

    def value(self, family: catalog.Family, *labels: str) -> float:
        return self.telemetry.value(family, *self.poller.key, *labels)

    def text(self) -> str:
        return self.exposition.scrape("", packed=False).body.decode()


@asynccontextmanager
async def rig(folder: Path, **poll: object) -> AsyncIterator[Rig]:
    clock = FakeClock()
    api = Api(clock)
    async with http_server(api) as server:
        key_file = folder / "key"
        key_file.write_text("key-1")
        config_file = folder / "config.yaml"
        document = {
            "accounts": [{"name": "a", "base_url": f"{server.url}/v1", "api_key": {"file": str(key_file)}}],
            "poll": {"page_size": 20, "requests_per_minute": 60, **poll},
            "ledger": {"path": str(folder / "ledger.db")},
            "metrics": {"birth_hold": "0s"},
        }
        config_file.write_text(json.dumps(document))
        config = load(config_file, {})
        store = Store(config.ledger.path, layout())
        books = Books(store, layout())
        telemetry, exposition = Telemetry(books.counters), Exposition()
        publisher = Publisher(books=books, telemetry=telemetry, exposition=exposition, clock=clock, terms=terms(config))

        def build() -> Runtime:
            return Runtime(
                config,
                books=books,
                telemetry=telemetry,
                publisher=publisher,
                clock=clock,
                random=Random(1),
                environ={},
                user_agent="test",
                on_secret=lambda secret: None,
            )

        runtime = build()
        try:
            yield Rig(api, clock, runtime, telemetry, exposition, key_file, build)
        finally:
            await runtime.stop()
            store.close()
