"""The API as a process that is never the bottleneck: a list in memory, of which ``/NUMBER/v1`` shows the newest rows.

A round tells what was asked for since the last one. The clock in its answers goes on from when the list was made. The
lists of executions and requests are empty.
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

import uvicorn

from benchmarks import population, rows
from benchmarks.listing import Listing
from benchmarks.workers import protocol
from exporter.models import SECOND
from exporter.simulator.items import Item

EMPTY = rows.encode([], has_more=False)
COMPLETIONS = "/v1/openai/chat/completions"

Message = MutableMapping[str, Any]


class Api:
    """An ASGI application that serves ``items``, and keeps count."""

    def __init__(self, items: Sequence[Item]) -> None:
        number = len(items)
        self._items = items
        self._listings = {number: Listing(items)} if items else {}
        self._requests = self._bytes = 0
        now = self._listings[number].observed if number else rows.START
        self._ahead = now / SECOND - time.time()
        self._first = 0.0

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Answer a request."""
        _, shown, path = scope["path"].split("/", 2)
        body = EMPTY
        if int(shown) and f"/{path}" == COMPLETIONS:
            self._first = self._first or time.monotonic()
            body = self._list(int(shown)).body(dict(parse_qsl(scope["query_string"].decode())))
        self._requests += 1
        self._bytes += len(body)
        date = formatdate(time.time() + self._ahead, usegmt=True).encode()
        headers = [(b"content-type", b"application/json"), (b"date", date), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def spent(self, told: Mapping[str, Any]) -> Mapping[str, Any]:
        """Requests and bytes since this was last asked, and when rows were first asked for (s, monotonic)."""
        said = {"requests": self._requests, "bytes": self._bytes, "first": self._first}
        self._requests = self._bytes = 0
        self._first = 0.0
        return said

    def _list(self, shown: int) -> Listing:
        if shown not in self._listings:
            self._listings[shown] = Listing(self._items[-shown:])
        return self._listings[shown]


def main() -> None:
    """Serve until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--series", type=int, default=0, help="combinations of model and skill; 0: as in the trace")
    given = parser.parse_args()
    items = rows.items(given.rows)
    api = Api(population.spread(items, given.series) if given.series else items)
    config = uvicorn.Config(api, log_config=None, access_log=False, lifespan="off", date_header=False)
    server = uvicorn.Server(config)
    # With its protocol named: asyncio switches off Nagle's algorithm for no others, and answers would take 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        serving = threading.Thread(target=server.run, args=([listener],))
        serving.start()
        protocol.answer(api.spent, port=listener.getsockname()[1])
        server.should_exit = True
        serving.join()


if __name__ == "__main__":
    main()
