"""A decoder for tests, and rows and pages to put through it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from exporter.api.decode import Decoder
from exporter.models import SECOND, Completion, FailureReason, Field, Page, Paging, PollError, Source, Status

PAGES = Path(__file__).parent / "pages"
CANARY = "CANARY-7f3a"
OBSERVED = 1_747_658_200 * SECOND
CREATED = 1_747_658_096 * SECOND

FIELDS: Mapping[Field, tuple[str, ...]] = {
    Field.ID: ("id",),
    Field.CREATED: ("created", "created_at"),
    Field.FINISHED: ("completed_at",),
    Field.STATUS: ("status", "state.name"),
    Field.MODEL: ("model",),
    Field.SKILL: ("name", "metadata.skill", "skills.0.skill_id"),
    Field.INPUT_TOKENS: ("usage.prompt_tokens", "input_tokens"),
    Field.OUTPUT_TOKENS: ("usage.completion_tokens",),
    Field.CREDITS: ("usage.credits_used",),
    Field.DURATION: ("usage.duration_seconds", "latency_ms"),
    Field.TIME_TO_FIRST_TOKEN: ("ttft_ms",),
}
STATUSES = {"completed": Status.SUCCESS, "failed": Status.ERROR, "error": Status.ERROR, "running": Status.PENDING}


def make_decoder(
    fields: Mapping[Field, tuple[str, ...]] = FIELDS, missing_status: Status | None = Status.SUCCESS
) -> Decoder:
    source = Source("default", "completions", "/x", Paging.CURSOR, 60.0, 100, fields, STATUSES, missing_status)
    return Decoder(source)


DECODER = make_decoder()


def make_row(row_id: str = "a", /, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": row_id,
        "created": CREATED // SECOND,
        "status": "completed",
        "model": "m",
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "credits_used": 3, "duration_seconds": 4},
        "choices": [{"message": {"content": CANARY}}],
    }
    return row | changes


def make_completion(row_id: str = "a") -> Completion:
    return Completion(
        row_id,
        CREATED,
        Status.SUCCESS,
        model="m",
        input_tokens=10,
        output_tokens=20,
        credits=3_000_000,
        duration=4 * SECOND,
    )


def decode(document: Any, decoder: Decoder = DECODER) -> Page:
    return decoder.decode(json.dumps(document).encode(), OBSERVED)


def decode_row(decoder: Decoder = DECODER, /, **changes: Any) -> Completion:
    page = decode([make_row(**changes)], decoder)
    assert page.rejects == ()
    return page.rows[0]


def fail(body: bytes, reason: FailureReason = FailureReason.BAD_BODY) -> str:
    with pytest.raises(PollError) as caught:
        DECODER.decode(body, OBSERVED)
    assert caught.value.reason is reason
    return str(caught.value)


def outcome(body: bytes) -> Page | None:
    """Return the page, None for a body that is refused as it should be; anything else fails the test."""
    try:
        return DECODER.decode(body, OBSERVED)
    except PollError as error:
        refused = error
    assert refused.reason is FailureReason.BAD_BODY
    assert str(refused).isprintable()
    return None
