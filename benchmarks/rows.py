"""Rows as a list of the API shows them, made of the production trace: real arrival times, real token counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from typing import Any

from exporter.models import SECOND
from exporter.simulator import render, trace
from exporter.simulator.items import Item, Source
from exporter.simulator.workload import Effects, Workload

START = 1_767_225_600 * SECOND
"""When the first row was created (µs): midnight, 2026-01-01 UTC."""

SEED = 20231116
"""The day on which the trace was recorded."""

LARGE_CONTENT = 8 * 1024
"""Characters of the answer in a row that has its content."""

_SMALL = (
    "id",
    "created",
    "completed_at",
    "model",
    "skill",
    "status",
    "usage",
    "latency_ms",
    "time_to_first_token_ms",
)
"""What a list without content shows of a completion: about 340 bytes."""


def items(number: int, *, speed: float = 1.0) -> list[Item]:
    """The first ``number`` completions of the replayed trace, oldest first; ``speed`` times as fast as recorded."""
    workload, effects = Workload(SEED), Effects()
    found = (
        workload.item(arrival.request, arrival.at, arrival.number, effects, workload.stream(arrival.number))
        for arrival in trace.load().replay(START, speed)
    )
    return list(islice((item for item in found if item.source is Source.COMPLETIONS), number))


def row(item: Item, *, content: int = 0) -> dict[str, Any]:
    """The row of ``item`` on the wire, with an answer of ``content`` characters if not 0."""
    full = render.good_row(item)
    small = {name: full[name] for name in _SMALL}
    if not content:
        return small
    said = " ".join(choice["message"]["content"] for choice in full["choices"]) or "no answer "
    text = (said * (content // len(said) + 1))[:content]
    message = {"role": "assistant", "content": text, "refusal": None}
    return small | {"choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}]}


def encode(rows: Sequence[bytes], *, has_more: bool) -> bytes:
    """The body of a list response that shows these rows."""
    end = b"true" if has_more else b"false"
    return b'{"object":"list","data":[' + b",".join(rows) + b'],"has_more":' + end + b"}"


def lines(found: Sequence[Item], *, content: int = 0) -> list[bytes]:
    """The JSON of each row."""
    return [json.dumps(row(item, content=content), separators=(",", ":")).encode() for item in found]
