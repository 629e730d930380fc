"""The API of the compressed time: long lists that cost nothing to hold, over real HTTP, and a log of who asked when."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from exporter.models import SECOND, Clock

PATHS = {
    "completions": "/v1/openai/chat/completions",
    "executions": "/v1/agent/executions",
    "requests": "/v1/predictions",
}
"""Where each list is served."""


class Rows(Protocol):
    """A list, newest row first."""

    def page(self, now: int, params: Mapping[str, str]) -> tuple[list[str], bool]:
        """Return the JSON of the rows asked for at ``now`` (µs), and whether there are more."""
        ...


class Arrivals:
    """Rows that come finished, each at its time (µs), ascending: a range is a steady rate and takes no memory."""

    def __init__(self, times: Sequence[int]) -> None:
        self.times = times
        self.served: list[tuple[int, int, int]] = []
        """Of every answer: when, and the first and last (exclusive) number of the rows in it."""

    def visible(self, now: int) -> int:
        """How many rows there are."""
        return bisect_right(self.times, now)

    def page(self, now: int, params: Mapping[str, str]) -> tuple[list[str], bool]:
        end = int(params["after"][1:]) if "after" in params else self.visible(now) - int(params.get("skip", 0))
        end = max(0, end)
        start = max(0, end - int(params["limit"]))
        self.served.append((now, start, end))
        return [self._row(number) for number in range(end - 1, start - 1, -1)], start > 0

    def tokens(self, number: int) -> int:
        return number

    def credits(self, number: int) -> int:
        return number * 7919 % 10_007

    def _row(self, number: int) -> str:
        created = self.times[number] // SECOND
        return (
            f'{{"id":"r{number}","created":{created},"created_at":{created},"status":"completed","model":"m",'
            f'"name":"s","usage":{{"completion_tokens":{number},"credits_used":{number * 7919 % 10_007}}}}}'
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer other than a list."""

    status: int
    retry_after: int | None = None


@dataclass
class TimelapseApi:
    """Serves ``lists`` by name. ``latency`` is what an answer takes, in seconds of the ``clock``."""

    clock: Clock
    lists: Mapping[str, Rows]
    latency: float = 0.2
    refuse: Callable[[str], Refusal | None] = lambda name: None
    """Decides, by the list's name, whether to refuse a request."""
    sent: list[tuple[int, float, str]] = field(default_factory=list)
    """Every request as it comes in: the wall clock (µs), the time that really passed (s), and the list's name."""
    url: str = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen on a free port of loopback."""
        talks: set[asyncio.Task[None]] = set()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            talks.add(task)
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    target = head.split(b" ", 2)[1].decode("ascii")
                    writer.write(await self._answer(target))
            writer.transport.abort()
            talks.discard(task)

        listener = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            listener.close()
            for task in talks:
                task.cancel()
            await asyncio.gather(*talks, return_exceptions=True)
            await listener.wait_closed()

    async def _answer(self, target: str) -> bytes:
        url = urlsplit(target)
        name = next(name for name, path in PATHS.items() if path == url.path)
        self.sent.append((self.clock.now(), self.clock.monotonic(), name))
        await self.clock.sleep(self.latency)
        refusal = self.refuse(name)
        if refusal is not None:
            again = "" if refusal.retry_after is None else f"retry-after: {refusal.retry_after}\r\n"
            return self._reply(refusal.status, "{}", again)
        rows, more = self.lists[name].page(self.clock.now(), dict(parse_qsl(url.query)))
        body = f"[{','.join(rows)}]"
        if name == "completions":
            body = f'{{"object":"list","data":{body},"has_more":{"true" if more else "false"}}}'
        return self._reply(200, body)

    def _reply(self, status: int, body: str, more: str = "") -> bytes:
        date = formatdate(self.clock.now() // SECOND, usegmt=True)
        head = f"HTTP/1.1 {status} Status\r\ndate: {date}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
        return (head + body).encode("ascii")
