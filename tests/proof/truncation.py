"""A page cut at every byte, on real sockets: it is a whole page or a failed poll, and never a part of a page."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from urllib.parse import urlsplit

from exporter.api.budget import RequestBudget
from exporter.api.client import ApiClient, trust_of
from exporter.api.decode import Decoder
from exporter.config import defaults
from exporter.models import FailureReason, Page, PollError, Source
from tests.clocks import FakeClock
from tests.e2e.process import KEY
from tests.proof.figures import Figures
from tests.proof.proxy import Reply, ask, reset
from tests.servers import Request, http_server

OBSERVED = 0

LISTS = {name: default.path for name, default in defaults.SOURCES.items()}

FORMS: dict[str, Callable[[Reply], Reply]] = {
    "length": lambda reply: reply,
    "chunked": lambda reply: reply.chunked(),
    "until closed": lambda reply: reply.having(content_length=None, connection=b"close"),
}
"""How the end of a body is told."""

FITTING = {
    "length": {FailureReason.CONNECTION},
    "chunked": {FailureReason.CONNECTION},
    # A body that may end anywhere is a broken connection by RST, or in its head; by FIN it is half a document.
    "until closed": {FailureReason.CONNECTION, FailureReason.BAD_BODY},
}


class _Unrecorded:
    """A journal and an observer for requests that nobody counts."""

    def record_request(self, account: str, at: int) -> None:
        pass

    def request(self, account: str, code: str) -> None:
        pass


def source(name: str) -> Source:
    """Return a list as it is configured by default."""
    default = defaults.SOURCES[name]
    statuses = {word: status for status, words in defaults.STATUSES.items() for word in words}
    return Source(
        "default", name, default.path, default.paging, 60.0, 100, default.fields, statuses, default.missing_status
    )


@asynccontextmanager
async def client(base_url: str, **options: Any) -> AsyncIterator[ApiClient]:
    """Return the real client, which tries everything once and has all the requests that it wants."""
    given: dict[str, Any] = {"max_attempts": 1, "timeout": 5.0, **options}
    one = ApiClient(
        account="default",
        base_url=base_url,
        read_key=lambda: KEY,
        budget=RequestBudget(1_000_000),
        journal=_Unrecorded(),
        observer=_Unrecorded(),
        clock=FakeClock(),
        user_agent="vlmrun-exporter/proof",
        random=Random(1),
        trust=trust_of(None),
        **given,
    )
    try:
        yield one
    finally:
        await one.aclose()


async def record(host: str, port: int, path: str, rows: int) -> Reply:
    """Return the stand-in's own answer for a page of so many rows, not compressed."""
    request = f"GET /v1{path}?limit={rows} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {KEY}\r\n\r\n"
    return await ask(host, port, request.encode("ascii"))


async def every_byte(name: str, reply: Reply, form: str, *, by_reset: bool) -> Figures:
    """Cut the answer ``reply`` of the list ``name`` at every byte, by RST or by FIN."""
    decoder = Decoder(source(name))
    whole = decoder.decode(_plain(reply), OBSERVED)
    raw = FORMS[form](reply).raw
    figures, said = Figures(), Counter[FailureReason | None]()
    length = 0

    async def cut(request: Request, writer: Any) -> None:
        writer.write(raw[:length])
        await writer.drain()
        if by_reset:
            reset(writer)

    async with http_server(cut) as server, client(f"{server.url}/v1") as api:
        for length in range(len(raw) + 1):
            outcome = await _poll(api, decoder, name)
            reason = outcome.reason if isinstance(outcome, PollError) else None
            said[reason] += 1
            wrong = outcome != whole if reason is None else reason not in FITTING[form]
            # Whoever tells the end of a body by closing has told it with the last byte that is not blank.
            missing = raw[length:].strip() if form == "until closed" else raw[length:]
            if wrong or (reason is None and missing) or (length == len(raw) and not by_reset and reason):
                figures.problems.append(f"{name}, {form}, cut at {length} of {len(raw)}, reset {by_reset}: {outcome}")
    figures.faults = sum(said.values()) - said[None]
    return figures


async def _poll(api: ApiClient, decoder: Decoder, name: str) -> Page | PollError:
    try:
        response = await api.get(LISTS[name], {"limit": 2})
        return decoder.decode(response.body, OBSERVED)
    except PollError as error:
        return error


def _plain(reply: Reply) -> bytes:
    return gzip.decompress(reply.body) if dict(reply.headers).get(b"content-encoding") == b"gzip" else reply.body


def compressed(reply: Reply) -> Reply:
    """Return the answer with its body compressed."""
    return reply.carrying(gzip.compress(reply.body, mtime=0)).having(content_encoding=b"gzip")


def run(upstream: str, *, thorough: bool) -> Figures:
    """Cut pages of the stand-in at ``upstream`` at every byte.

    ``thorough``: every list's page of two rows in every form, compressed and not; else each list's page of one row in
    a form of its own.
    """
    address = urlsplit(upstream)
    assert address.hostname is not None and address.port is not None
    host, port = address.hostname, address.port

    async def everything() -> Figures:
        figures = Figures()
        for (name, path), usual in zip(LISTS.items(), FORMS, strict=True):
            plain = await record(host, port, path, 2 if thorough else 1)
            for form in FORMS if thorough else (usual,):
                for reply in (plain, compressed(plain)) if thorough else (plain,):
                    for by_reset in (False, True):
                        figures += await every_byte(name, reply, form, by_reset=by_reset)
        return figures

    return asyncio.run(everything())
