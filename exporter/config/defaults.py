"""What a source looks like unless the YAML says otherwise: the lists of the VLM Run API, as far as they are documented.

Every list of paths is tried in order and the first value that is present and not null wins, so a documented name comes
first, and after it the names that OpenAI-compatible servers and older versions of the platform use for the same thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from exporter.models import Field, Paging, Status

ACCOUNT: Final = "default"
BASE_URL: Final = "https://api.vlm.run/v1"
API_KEY_ENV: Final = "VLMRUN_API_KEY"


@dataclass(frozen=True, slots=True)
class SourceDefaults:
    """One list of the API. ``missing_status`` is what a row without a status means."""

    path: str
    paging: Paging
    fields: Mapping[Field, tuple[str, ...]]
    missing_status: Status


# The chat completion's own names first, then the usual others; executions and predictions document no tokens.
_INPUT_TOKENS: Final = ("usage.prompt_tokens", "usage.input_tokens", "input_tokens")
_OUTPUT_TOKENS: Final = ("usage.completion_tokens", "usage.output_tokens", "output_tokens")

# Shown by the platform's dashboard ("Latency: first token"), but documented for no list: the usual names.
_TIME_TO_FIRST_TOKEN: Final = (
    "time_to_first_token_ms",
    "ttft_ms",
    "first_token_ms",
    "time_to_first_token_seconds",
    "ttft_seconds",
)

# GET /chat/completions as OpenAI-compatible servers list it; VLM Run documents the POST only. Its object carries id,
# created, model and usage, and credits_used or credits is what the vendor's command line reads from its usage. Skill,
# status and latency are shown by the platform's dashboard only: their names are the usual ones.
_COMPLETION_FIELDS: Final[Mapping[Field, tuple[str, ...]]] = MappingProxyType(
    {
        Field.ID: ("id",),
        Field.CREATED: ("created", "created_at"),
        Field.FINISHED: ("completed_at", "finished_at"),
        Field.STATUS: ("status",),
        Field.MODEL: ("model",),
        Field.SKILL: ("skill", "skill_name", "skill_id", "domain", "metadata.skill", "skills.0.skill_id"),
        Field.INPUT_TOKENS: _INPUT_TOKENS,
        Field.OUTPUT_TOKENS: _OUTPUT_TOKENS,
        Field.CREDITS: ("usage.credits_used", "usage.credits", "credits_used", "credits"),
        Field.DURATION: ("latency_ms", "duration_ms", "total_time_ms", "duration_seconds", "usage.duration_seconds"),
        Field.TIME_TO_FIRST_TOKEN: _TIME_TO_FIRST_TOKEN,
    }
)

# GET /agent/executions and GET /predictions share one documented schema, but for the name of what ran.
_EXECUTION_FIELDS: Final[Mapping[Field, tuple[str, ...]]] = MappingProxyType(
    {
        Field.ID: ("id",),
        Field.CREATED: ("created_at",),
        Field.FINISHED: ("completed_at",),
        Field.STATUS: ("status",),
        Field.MODEL: ("model", "usage.model"),
        Field.SKILL: ("name",),
        Field.INPUT_TOKENS: _INPUT_TOKENS,
        Field.OUTPUT_TOKENS: _OUTPUT_TOKENS,
        Field.CREDITS: ("usage.credits_used",),
        Field.DURATION: ("usage.duration_seconds", "duration_ms", "duration_seconds"),
        Field.TIME_TO_FIRST_TOKEN: _TIME_TO_FIRST_TOKEN,
    }
)
_REQUEST_FIELDS: Final[Mapping[Field, tuple[str, ...]]] = MappingProxyType(
    {**_EXECUTION_FIELDS, Field.SKILL: ("domain",)}
)

SOURCES: Final[Mapping[str, SourceDefaults]] = MappingProxyType(
    {
        # An OpenAI-style list shows finished completions only and has no status field.
        "completions": SourceDefaults("/openai/chat/completions", Paging.CURSOR, _COMPLETION_FIELDS, Status.SUCCESS),
        # The API documents "pending" as the default of a status that is left out.
        "executions": SourceDefaults("/agent/executions", Paging.OFFSET, _EXECUTION_FIELDS, Status.PENDING),
        "requests": SourceDefaults("/predictions", Paging.OFFSET, _REQUEST_FIELDS, Status.PENDING),
    }
)

# Documented: enqueued, pending, running, completed, failed, paused; the dashboard adds success, error and cancelled.
# The others are the words that comparable job APIs use.
STATUSES: Final[Mapping[Status, tuple[str, ...]]] = MappingProxyType(
    {
        Status.SUCCESS: ("success", "succeeded", "completed", "complete"),
        Status.ERROR: ("error", "failed", "failure", "cancelled", "canceled", "timeout", "expired"),
        Status.PENDING: ("enqueued", "queued", "pending", "running", "processing", "in_progress", "paused"),
    }
)
