"""A scripted upstream on a thread of its own: it answers what a test tells it, by path."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.servers import Answer, Request, Server, answer, http_server

COMPLETIONS = "/v1/openai/chat/completions"
EXECUTIONS = "/v1/agent/executions"
REQUESTS = "/v1/predictions"
PATHS = (COMPLETIONS, EXECUTIONS, REQUESTS)

_DEADLINE = 30.0


def rows(*found: Mapping[str, Any]) -> bytes:
    """Return a whole answer that lists ``found``."""
    return answer(body=json.dumps(found).encode(), content_type="application/json")


def problem(status: int, detail: str) -> bytes:
    """Return a whole answer that refuses, in the platform's words."""
    return answer(status, json.dumps({"detail": detail}).encode(), content_type="application/json")


@contextmanager
def upstream(answers: Mapping[str, Answer] | None = None) -> Iterator[Server]:
    """Answer every path of ``answers`` with its answer, and any other with an empty list."""
    by_path = dict(answers or {})

    async def converse(request: Request, writer: asyncio.StreamWriter) -> None:
        reply = by_path.get(request.path, rows())
        if isinstance(reply, bytes):
            writer.write(reply)
            await writer.drain()
        else:
            await reply(request, writer)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="upstream")
    thread.start()
    serving = http_server(converse)
    try:
        yield asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result(_DEADLINE)
    finally:
        asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result(_DEADLINE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_DEADLINE)
        loop.close()
