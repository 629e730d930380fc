"""A page as a user of pydantic would model it: times become datetimes, usage an object of its own."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from exporter.models import NO_SKILL

ACCOUNT, SOURCE = "default", "completions"

LATE = "false"
"""A script that reads a list once does not know what is late."""

LOW_TOKENS = 128
"""The most output tokens of a low-token completion."""

SLOW_MILLISECONDS = 10_000.0
"""The most that a low-token completion may take without being slow."""


class Usage(BaseModel):
    """What a completion consumed."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    credits_used: float | None = None


class Completion(BaseModel):
    """A row; unknown keys, such as its content, are skipped."""

    id: str
    created: datetime
    completed_at: datetime | None = None
    model: str
    skill: str | None = None
    status: str
    usage: Usage
    latency_ms: float | None = None
    time_to_first_token_ms: float | None = None

    def labels(self) -> tuple[str, str, str, str, str, str]:
        """Return account, source, model, skill, status and whether it is late."""
        return (ACCOUNT, SOURCE, self.model, self.skill or NO_SKILL, self.status, LATE)

    def low_labels(self) -> tuple[str, str, str, str, str] | None:
        """Return the labels of a low-token completion, which go without the status; None if it is not one."""
        tokens = self.usage.completion_tokens
        if tokens is None or tokens > LOW_TOKENS or self.status != "success":
            return None
        return (ACCOUNT, SOURCE, self.model, self.skill or NO_SKILL, LATE)

    def slow(self) -> bool:
        """Tell whether it took long for a low-token completion."""
        return self.latency_ms is not None and self.latency_ms > SLOW_MILLISECONDS


class Page(BaseModel):
    """The body of a list response."""

    data: list[Completion]


def rows(body: bytes) -> list[Completion]:
    """Parse a body. Raises ValidationError."""
    return Page.model_validate_json(body).data
