"""From an item to its row on the wire, as the platform documents it: the only place that knows the wire's names.

Rows of chat completions are OpenAI's objects with the columns of the platform's dashboard beside them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from exporter.models import MICRO, SECOND, Status
from exporter.simulator.items import Item, Source, TimestampStyle

_ELSEWHERE = timezone(timedelta(hours=5, minutes=30))

_PROSE = (
    "The image shows a storefront at dusk: a red awning, two lit windows and a handwritten sign by the door.",
    "Vendor and totals agree with the line items; the tax rate is applied to the subtotal before the discount.",
    "Three people enter from the left, one carries a box; the camera pans to a loading dock and stays on it.",
    "The second page repeats the header of the first, and its table continues rows 14 to 27 without a break.",
    "The date is partly covered by a stamp; day and month can be read, the year follows from the invoice number.",
    "A speaker names the quarter's targets, then answers questions on delivery times for about four minutes.",
)


def row(item: Item, now: int) -> Any:
    """Return the row that a list shows for ``item`` at ``now`` (microseconds)."""
    if item.is_garbage:
        return item.garbage
    return _completion(item, now) if item.source is Source.COMPLETIONS else _job(item, now)


def good_row(item: Item) -> dict[str, Any]:
    """Return the row that ``item`` shows once it has settled."""
    now = item.settled_at
    return _completion(item, now) if item.source is Source.COMPLETIONS else _job(item, now)


def matches(item: Item, model: str | None, metadata: dict[str, str]) -> bool:
    """Whether a row passes the filters of the chat completions list."""
    return (model is None or item.model == model) and (not metadata or metadata.items() <= _metadata(item).items())


def _completion(item: Item, now: int) -> dict[str, Any]:
    failed = item.status is Status.ERROR
    message = {"role": "assistant", "content": _prose(item), "refusal": None}
    finish = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {
        "id": item.id,
        "object": "chat.completion",
        "created": item.created // SECOND,
        "completed_at": timestamp(item.finished, item.style),
        "model": item.model,
        "skill": item.skill,
        "status": "error" if failed else "success",
        "choices": [] if failed else [finish],
        "usage": {
            "prompt_tokens": item.input_tokens,
            "completion_tokens": item.output_tokens,
            "total_tokens": (item.input_tokens or 0) + (item.output_tokens or 0),
            "credits_used": None if (credits := item.credits_at(now)) is None else credits / MICRO,
        },
        "latency_ms": item.duration / 1000,
        "time_to_first_token_ms": None if item.time_to_first_token is None else item.time_to_first_token / 1000,
        "session_id": f"session-{item.sequence // 4:08x}",
        "service_tier": "default",
        "system_fingerprint": None,
        "metadata": _metadata(item),
    }


def _job(item: Item, now: int) -> dict[str, Any]:
    settled = now >= item.finished
    done = settled and item.status is Status.SUCCESS
    credits = item.credits_at(now) if settled else None
    shared = {
        "id": item.id,
        "created_at": timestamp(item.created, item.style),
        "completed_at": timestamp(item.finished, item.style) if settled else None,
        "status": _job_status(item, now),
        "response": {"summary": _prose(item), "pages": item.elements} if done else None,
        "usage": {
            "elements_processed": item.elements if settled else None,
            "element_type": item.element_type,
            "credits_used": None if credits is None else credits // MICRO,
            "steps": item.steps if settled else None,
            "message": "the work stopped before its end" if settled and not done else None,
            "duration_seconds": round(item.duration / SECOND) if settled else 0,
        },
    }
    return shared | ({"name": item.skill} if item.source is Source.EXECUTIONS else {"domain": item.skill})


def _job_status(item: Item, now: int) -> str:
    if now >= item.finished:
        return "failed" if item.status is Status.ERROR else "completed"
    if now < item.started:
        return "enqueued" if now < (item.created + item.started) // 2 else "pending"
    # A pause takes the middle third of the work.
    third = item.duration // 3
    return "paused" if item.paused and third <= now - item.started < 2 * third else "running"


def timestamp(at: int, style: TimestampStyle = TimestampStyle.ZULU) -> str:
    """Return ``at`` (microseconds) as an ISO date-time: with Z, without a zone (meaning UTC), or with an offset."""
    seconds, microseconds = divmod(at, SECOND)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
    if style is TimestampStyle.OFFSET:
        return moment.astimezone(_ELSEWHERE).isoformat()
    naive = moment.replace(tzinfo=None).isoformat()
    return naive if style is TimestampStyle.NAIVE else naive + "Z"


def _metadata(item: Item) -> dict[str, str]:
    return {"environment": item.environment}


def _prose(item: Item) -> str:
    """Return a few sentences, so that bodies are as large as in life: the exporter must throw them away."""
    size = len(_PROSE)
    return " ".join(_PROSE[(item.sequence + turn) % size] for turn in range(2 + item.sequence % 4))


def encode(payload: Any) -> bytes:
    """Return ``payload`` as JSON. Bad rows may hold NaN and numbers of any length: Python's encoder writes them."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
