"""A client for tests, with what it was given and what it told them, and short ways to get a page with it."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import trustme

from exporter.api.budget import RequestBudget
from exporter.api.client import ApiClient, Response, trust_of
from exporter.api.errors import ApiError
from tests.clocks import FakeClock
from tests.servers import Answer, Server, answer, http_server

KEY = "sk-live-3f9a/Zq+T0=="
OK = answer(200, b"[]")
IMPATIENT = 0.3
"""Seconds: the timeout of tests in which it strikes; it is real, as the servers are."""


@dataclass
class Rig:
    """A client with what it was given, and what it told them."""

    client: ApiClient
    clock: FakeClock
    budget: RequestBudget
    journal: list[int]
    codes: list[str]


@dataclass
class Records:
    """A journal and an observer in memory."""

    journal: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)

    def record_request(self, account: str, at: int) -> None:
        assert account == "acme"
        self.journal.append(at)

    def request(self, account: str, code: str) -> None:
        assert account == "acme"
        self.codes.append(code)


@asynccontextmanager
async def rig(url: str, *, limit: int = 100, **options: Any) -> AsyncIterator[Rig]:
    clock, records, budget = FakeClock(), Records(), RequestBudget(limit)
    given: dict[str, Any] = {
        "account": "acme",
        "base_url": f"{url}/v1",
        "read_key": lambda: KEY,
        "budget": budget,
        "journal": records,
        "observer": records,
        "clock": clock,
        "timeout": 10.0,
        "user_agent": "vlmrun-exporter/test",
        "random": Random(7),
    }
    trust = trust_of(options.pop("ca_file", None))
    client = ApiClient(**given | options, trust=trust)
    try:
        yield Rig(client, clock, budget, records.journal, records.codes)
    finally:
        await client.aclose()


def fetch(*answers: Answer, **options: Any) -> tuple[Response | ApiError, Server, Rig]:
    """Get one page from a server that gives these answers; return what came of it, and who was involved."""

    async def run() -> tuple[Response | ApiError, Server, Rig]:
        async with http_server(*answers) as server, rig(server.url, **options) as it:
            outcome: Response | ApiError
            try:
                outcome = await it.client.get("/predictions", {"limit": 2})
            except ApiError as error:
                outcome = error
            return outcome, server, it

    return asyncio.run(run())


def page(*answers: Answer, **options: Any) -> Response:
    outcome, _, _ = fetch(*answers, **options)
    assert isinstance(outcome, Response), outcome
    return outcome


def failure(*answers: Answer, **options: Any) -> ApiError:
    outcome, _, _ = fetch(*answers, **{"max_attempts": 1} | options)
    assert isinstance(outcome, ApiError), outcome
    return outcome


def tls(ca: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names or ("127.0.0.1",)).configure_cert(context)
    return context


def gzip_bomb(megabytes: int) -> bytes:
    """Gzip of so many MiB of zeros, made quickly: a full flush makes the blocks independent of each other."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    start = compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return start + block * (megabytes - 1)
