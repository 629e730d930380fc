"""A backend for the web server, and one request to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from exporter.web.state import ExporterState, Scrape


@dataclass
class FakeBackend:
    """Answers as told, and records the scrapes."""

    ready_reason: str | None = None
    health_problem: str | None = None
    reload_problem: str | None = None
    reloads: int = 0
    scrapes: list[tuple[str, bool]] = field(default_factory=list)
    health_entered: asyncio.Event = field(default_factory=asyncio.Event)
    health_gate: asyncio.Event | None = None
    scrape_error: Exception | None = None

    def state(self) -> ExporterState:
        return ExporterState("1.2.3", "abc", 0, 1_000_000, (), True, None, "ledger.db")

    def ready(self) -> str | None:
        return self.ready_reason

    async def healthy(self) -> str | None:
        self.health_entered.set()
        if self.health_gate is not None:
            await self.health_gate.wait()
        return self.health_problem

    async def reload(self) -> str | None:
        self.reloads += 1
        return self.reload_problem

    def config_text(self) -> str:
        return "poll:\n  interval: 60s\n"

    def scrape(self, accept: str, gzip: bool) -> Scrape:
        if self.scrape_error is not None:
            raise self.scrape_error
        self.scrapes.append((accept, gzip))
        return Scrape((b"zip",) if gzip else (b"te", b"xt"), "text/plain; version=0.0.4", "gzip" if gzip else None)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def fetch(port: int, target: str, *headers: str, method: str = "GET", host: str = "127.0.0.1") -> Answer:
    """Send one request exactly as written and read the answer to its end."""
    reader, writer = await asyncio.open_connection(host, port)
    lines = [f"{method} {target} HTTP/1.1", "Host: exporter", "Connection: close", *headers, "", ""]
    writer.write("\r\n".join(lines).encode())
    try:
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.transport.abort()
    if not head:
        raise ConnectionResetError("closed without an answer")
    status, *fields = head.decode("latin-1").split("\r\n")
    return Answer(int(status.split()[1]), dict(line.split(": ", 1) for line in fields), body)
