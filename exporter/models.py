"""Frozen values shared by every layer. No I/O, and nothing of ours is imported here.

Units, everywhere in the exporter: times are integer microseconds since the Unix epoch (UTC), durations are
integer microseconds, credits are integer micro-credits. Integers, so that sums are exact and restarts cannot drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

import msgspec

SECOND: Final = 1_000_000
"""Microseconds in a second."""

MICRO: Final = 1_000_000
"""Micro-credits in a credit."""

UNKNOWN_MODEL: Final = "unknown"
NO_SKILL: Final = "none"
OTHER: Final = "other"


class Status(StrEnum):
    """What a row's wire status means to us; the two terminal ones are the values of the label ``status``."""

    SUCCESS = "success"
    ERROR = "error"
    PENDING = "pending"

    __hash__ = str.__hash__  # an Enum's own is written in Python, and rows are grouped by their status


class Paging(StrEnum):
    """How a list is walked: ``after``/``limit``/``order`` or ``skip``/``limit``."""

    CURSOR = "cursor"
    OFFSET = "offset"


class RejectReason(StrEnum):
    """Why a row could not be counted (label ``reason`` of ``vlmrun_exporter_rejected_rows_total``)."""

    NO_ID = "no_id"
    BAD_TIMESTAMP = "bad_timestamp"
    BAD_VALUE = "bad_value"
    UNKNOWN_STATUS = "unknown_status"
    NOT_AN_OBJECT = "not_an_object"


class FailureReason(StrEnum):
    """Why a poll failed (label ``reason`` of ``vlmrun_exporter_poll_failures_total``)."""

    AUTH = "auth"
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    SERVER_ERROR = "server_error"
    CLIENT_ERROR = "client_error"
    BAD_BODY = "bad_body"
    TOO_LARGE = "too_large"
    REDIRECT = "redirect"
    LEDGER = "ledger"


class Field(StrEnum):
    """The values read from a row; also the keys of ``fields`` in the configuration."""

    ID = "id"
    CREATED = "created"
    FINISHED = "finished"
    STATUS = "status"
    MODEL = "model"
    SKILL = "skill"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    CREDITS = "credits"
    DURATION = "duration"
    TIME_TO_FIRST_TOKEN = "time_to_first_token"


class Completion(msgspec.Struct, frozen=True, gc=False):
    """One row of a list: a finished or still pending unit of billed work. ``None`` means the row lacks the value."""

    id: str
    created: int
    status: Status
    model: str | None = None
    skill: str | None = None
    finished: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    credits: int | None = None
    duration: int | None = None
    time_to_first_token: int | None = None

    @property
    def event_time(self) -> int:
        """When the work ended, as far as the row tells: its finish, else creation plus duration, else creation."""
        if self.finished is not None:
            return self.finished
        return self.created + (self.duration or 0)


class Reject(msgspec.Struct, frozen=True, gc=False):
    """A row that cannot be counted, at ``index`` of its page. ``digest`` identifies it, to report it once.

    ``created`` is kept where it could be read: such a row still bears witness to how far its page reaches.
    """

    index: int
    reason: RejectReason
    digest: bytes
    detail: str = ""
    created: int | None = None


class Page(msgspec.Struct, frozen=True):
    """One list response.

    ``size`` counts the rows on the wire, rejected ones included. ``observed`` is a time by the server's clock that is
    not later than the moment the server took the listing. ``has_more`` is what the server claims, None if it doesn't.
    """

    rows: tuple[Completion, ...]
    size: int
    observed: int
    rejects: tuple[Reject, ...] = ()
    has_more: bool | None = None


class Position(msgspec.Struct, frozen=True):
    """Where a walk asks next: rows to skip (offset paging), or ids to ask ``after``, best first (cursor paging)."""

    skip: int = 0
    anchors: tuple[str, ...] = ()

    @property
    def at_top(self) -> bool:
        return self.skip == 0 and not self.anchors


class Paginator(Protocol):
    """How to move through one kind of list. Pure: positions in, positions out."""

    def params(self, position: Position, limit: int) -> dict[str, str | int]:
        """Query parameters that ask for ``limit`` rows at ``position``."""
        ...

    def advance(self, position: Position, page: Page, oldest: int) -> Position | None:
        """Where the next page begins with rows of ``page`` strictly newer than ``oldest``, or None if it has none.

        None too if that is no way on: the page is full of ties.
        """
        ...

    def retreat(self, position: Position, attempt: int, limit: int) -> Position:
        """A newer place than ``position``, for the ``attempt``-th time (from 1) that a page did not join."""
        ...

    def leap(self, position: Position, page: Page) -> Position:
        """Past a page that cannot be overlapped: gives up the proof, not the rows behind it."""
        ...


class SeriesKey(NamedTuple):
    """The labels of one completion series, in the order of the contract."""

    account: str
    source: str
    model: str
    skill: str
    status: str
    late: str


@dataclass(frozen=True, slots=True)
class Source:
    """One list of one account, with every default resolved. ``interval`` is in seconds."""

    account: str
    name: str
    path: str
    paging: Paging
    interval: float
    page_size: int
    fields: Mapping[Field, tuple[str, ...]]
    statuses: Mapping[str, Status]
    missing_status: Status | None

    @property
    def key(self) -> SourceKey:
        return SourceKey(self.account, self.name)


class SourceKey(NamedTuple):
    """Names one list of one account: the labels ``account`` and ``source``."""

    account: str
    source: str


@dataclass(frozen=True, slots=True)
class SlowLowToken:
    """When a success counts as low-token, and as slow: tokens, microseconds, and the ratio that alerts."""

    max_output_tokens: int
    min_duration: int
    alert_ratio: float


@dataclass(frozen=True, slots=True)
class SlowLowTokenOverride:
    """Replaces the default rule for a model and a skill; ``*`` matches any."""

    model: str
    skill: str
    rule: SlowLowToken


@dataclass(frozen=True, slots=True)
class SlowLowTokenRules:
    """The default rule and its overrides, first match first."""

    default: SlowLowToken
    overrides: tuple[SlowLowTokenOverride, ...] = ()

    def resolve(self, model: str, skill: str) -> SlowLowToken:
        for override in self.overrides:
            if override.model in ("*", model) and override.skill in ("*", skill):
                return override.rule
        return self.default


class Clock(Protocol):
    """Where time comes from. Nothing else in the exporter reads a clock or sleeps."""

    def now(self) -> int:
        """Wall-clock time in microseconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None: ...


CounterKey = tuple[str, tuple[str, ...]]
"""A counter of the exporter itself: family name, and label values in the catalogue's order."""


class Offender(msgspec.Struct, frozen=True, order=True):
    """A completion worth looking at: ``value`` is µs of duration, finish time (µs) or micro-credits, by ``reason``."""

    value: int
    time: int
    completion_id: str
    reason: str
    account: str
    source: str
    model: str
    skill: str


class Exemplar(msgspec.Struct, frozen=True, gc=False):
    """The completion that stands for a bucket or counter: its value in the family's integer unit, its finish in µs."""

    completion_id: str
    value: int
    time: int


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A credit budget in its current period: micro-credits, and the period's bounds in µs.

    ``complete``: everything spent since the start of the period is known.
    """

    account: str
    name: str
    credits: int
    spent: int
    start: int
    end: int
    complete: bool


class PollError(Exception):
    """A request for a page failed: ``reason`` is the metric's label, the message is what the server or network said."""

    def __init__(self, reason: FailureReason, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status
