"""The values of a page's rows side by side: what is done to all of them takes one loop in C, not one in Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from msgspec.structs import astuple

from exporter.models import Completion, Status

Amounts: TypeAlias = Sequence[int | None]

Group: TypeAlias = tuple[str | None, str | None, bool, bool]
"""Rows that add to one series: model, skill, failed, late."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The fields of some rows, named as those of a row; ``ended`` is their event time (µs)."""

    id: Sequence[str]
    status: Sequence[Status]
    failed: Sequence[bool]
    model: Sequence[str | None]
    skill: Sequence[str | None]
    input_tokens: Amounts
    output_tokens: Amounts
    credits: Amounts
    duration: Amounts
    time_to_first_token: Amounts
    ended: Sequence[int]

    @classmethod
    def of(cls, rows: Sequence[Completion]) -> Columns:
        """Turn one row or more into columns."""
        ids, _, statuses, models, skills, finished, inputs, outputs, credits, durations, first_tokens = zip(
            *map(astuple, rows), strict=True
        )
        return cls(
            id=ids,
            status=statuses,
            failed=[status is Status.ERROR for status in statuses],
            model=models,
            skill=skills,
            input_tokens=inputs,
            output_tokens=outputs,
            credits=credits,
            duration=durations,
            time_to_first_token=first_tokens,
            ended=[row.event_time for row in rows] if None in finished else finished,
        )
