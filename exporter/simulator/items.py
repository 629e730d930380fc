"""The values of the simulated world: one item is one unit of billed work, shown as a row of one of the three lists.

Times and durations are integer microseconds, credits integer micro-credits, as everywhere in the exporter.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from exporter.models import Status


class Source(StrEnum):
    """The three lists, by the names that the exporter's label ``source`` uses."""

    COMPLETIONS = "completions"
    EXECUTIONS = "executions"
    REQUESTS = "requests"


class TimestampStyle(StrEnum):
    """How a row writes its date-times, which all mean UTC instants."""

    ZULU = "zulu"
    NAIVE = "naive"
    OFFSET = "offset"


class Item(msgspec.Struct, gc=False, kw_only=True):
    """One unit of work, with its whole life known from birth: what a row shows depends only on the time.

    ``skill`` is what the list names the work by: a completion's skill, a request's domain, an execution's name. Tokens
    are None where the list does not carry them, ``garbage`` is a wire value that replaces the row of an item that
    isn't one.
    """

    id: str
    source: Source
    sequence: int
    created: int
    started: int
    finished: int
    visible: int
    status: Status
    model: str | None
    skill: str | None
    input_tokens: int | None
    output_tokens: int | None
    credits: int | None
    time_to_first_token: int | None
    environment: str
    elements: int = 0
    element_type: str = "page"
    steps: int = 1
    paused: bool = False
    style: TimestampStyle = TimestampStyle.ZULU
    deleted: int | None = None
    amended: int | None = None
    amended_credits: int | None = None
    is_garbage: bool = False
    garbage: Any = None

    @property
    def order(self) -> tuple[int, int]:
        """The list's sort key: creation time, then birth."""
        return self.created, self.sequence

    @property
    def duration(self) -> int:
        """Microseconds from the start of the work to its end; queueing is not part of it."""
        return self.finished - self.started

    @property
    def settles(self) -> bool:
        """Whether its terminal status was ever there to be seen."""
        return self.deleted is None or self.deleted > max(self.visible, self.finished)

    @property
    def settled_at(self) -> int:
        """When its terminal status can first be seen."""
        return max(self.visible, self.finished)

    def credits_at(self, now: int) -> int | None:
        """The credits that a row shows at ``now``."""
        return self.amended_credits if self.amended is not None and self.amended <= now else self.credits
