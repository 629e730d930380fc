"""Says in plain words how a source is doing. Text only: escaping is the page's business."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

from exporter.models import SECOND
from exporter.web.state import SourceState

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OVERDUE_INTERVALS: Final = 3
_LONGEST_LINE: Final = 300
_MOST_LINES: Final = 20


class Condition(Enum):
    """What a source's state amounts to, worst first; the value is what its badge says."""

    FAILING = "Failing"
    OVERDUE = "Overdue"
    WAITING = "Waiting"
    CATCHING_UP = "Catching up"
    GOOD = "All good"


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled line under the sentence that sums a source up; ``notable`` ones deserve attention."""

    label: str
    text: str
    notable: bool = False


def condition(source: SourceState, now: int) -> Condition:
    """Judge a source at the time ``now``."""
    if source.up is None:
        return Condition.WAITING
    if not source.up:
        return Condition.FAILING
    if source.last_poll is not None and now - source.last_poll > _OVERDUE_INTERVALS * source.interval * SECOND:
        return Condition.OVERDUE
    return Condition.CATCHING_UP if source.catching_up else Condition.GOOD


def summary(source: SourceState, now: int) -> str:
    """Sum a source up in a sentence or two."""
    match condition(source, now):
        case Condition.WAITING:
            return "Not polled yet."
        case Condition.FAILING:
            return _failure(source, now)
        case Condition.OVERDUE:
            return (
                f"Last polled {_ago(source.last_poll, now)}, though a poll is due every {duration(source.interval)}. "
                "Either the request budget is too small or the poller is stuck."
            )
        case Condition.CATCHING_UP:
            return f"Polled {_ago(source.last_poll, now)}, catching up with older rows: {_eta(source.eta_seconds)}."
        case Condition.GOOD:
            return f"Polled {_ago(source.last_poll, now)}, all good."


def facts(source: SourceState, now: int) -> tuple[Fact, ...]:
    """List what else there is to know of a source."""
    return (
        Fact("Coverage", _watermark(source.watermark, now), notable=source.watermark is None),
        Fact("Rows", _rows(source), notable=source.rows_rejected > 0),
        Fact("Gaps", *_gaps(source)),
        Fact("Budget", _budget(source), notable=source.requests_used >= source.requests_limit),
        Fact("Polls", _polls(source, now)),
    )


def worst(conditions: tuple[Condition, ...]) -> Condition:
    """Pick the one that needs attention first; ``conditions`` must not be empty."""
    return min(conditions, key=list(Condition).index)


def headline(conditions: tuple[Condition, ...]) -> str:
    """Say in one line how all sources together are doing."""
    if not conditions:
        return "No sources are configured, so nothing is counted."
    common = worst(conditions)
    affected, total = conditions.count(common), len(conditions)
    if affected == total:
        which, verb = ("The only source", "is") if total == 1 else (f"All {total} sources", "are")
    else:
        which, verb = f"{affected} of {total} sources", "is" if affected == 1 else "are"
    rest = {
        Condition.FAILING: "failing",
        Condition.OVERDUE: "overdue for a poll",
        Condition.WAITING: "waiting for the first poll",
        Condition.CATCHING_UP: "catching up",
        Condition.GOOD: "polled and counted",
    }
    return f"{which} {verb} {rest[common]}."


def duration(seconds: float) -> str:
    """Write a span of time in its two largest units, or one if that is precise enough: ``12 s``, ``3 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    units = ((86_400, "d"), (3600, "h")) if whole >= 86_400 else ((3600, "h"), (60, "min"))
    (large, large_name), (small, small_name) = units
    count, remainder = whole // large, whole % large // small
    return f"{count} {large_name} {remainder} {small_name}" if remainder else f"{count} {large_name}"


def moment(time: int, now: int, *, seconds: bool = False) -> str:
    """Write a time of day in UTC, with its date unless that is today's."""
    when, today = _datetime(time), _datetime(now)
    clock = f"{when:%H:%M:%S} UTC" if seconds else f"{when:%H:%M} UTC"
    return clock if when.date() == today.date() else f"{when:%Y-%m-%d} {clock}"


def plain(text: str) -> str:
    """Make untrusted text fit to be shown: a bounded number of bounded lines, without control or bidi characters."""
    lines = text.strip().splitlines()
    shown = [_plain_line(line) for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        shown.append("…")
    return "\n".join(shown)


def _plain_line(line: str) -> str:
    printable = "".join(
        char if char.isprintable() else " " if char.isspace() else "\N{REPLACEMENT CHARACTER}" for char in line
    )
    return printable if len(printable) <= _LONGEST_LINE else f"{printable[:_LONGEST_LINE]}…"


def _datetime(time: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time)


def _ago(time: int | None, now: int) -> str:
    return "at an unknown time" if time is None else f"{duration((now - time) / SECOND)} ago"


def _failure(source: SourceState, now: int) -> str:
    since = "Failing"
    if source.failing_since is not None:
        elapsed = duration((now - source.failing_since) / SECOND)
        since = f"Failing since {moment(source.failing_since, now)} ({elapsed})"
    parts = (source.failure_reason, source.failure_message)
    cause = " \N{EN DASH} ".join(plain(" ".join(part.split())) for part in parts if part)
    return f"{since}: {(cause or 'unknown reason').rstrip('.')}. Counters stand still until it works again."


def _eta(seconds: float | None) -> str:
    if seconds is None:
        return "too early to say for how long"
    if math.isinf(seconds):
        return "no end in sight: arrivals outrun the request budget, or pages prove nothing"
    return f"about {duration(seconds)} to go"


def _watermark(watermark: int | None, now: int) -> str:
    if watermark is None:
        return "Nothing is proven yet."
    when = f"{moment(watermark, now, seconds=True)} ({_ago(watermark, now)})"
    return f"Every completion created before {when} has been counted."


def _rows(source: SourceState) -> str:
    rejected = "none rejected" if source.rows_rejected == 0 else f"{source.rows_rejected:,} rejected as unreadable"
    return f"{source.rows_counted:,} counted, {rejected}"


def _gaps(source: SourceState) -> tuple[str, bool]:
    parts = []
    if source.gap_lost_seconds > 0:
        parts.append(f"{duration(source.gap_lost_seconds)} lost: what was created then may never be counted.")
    if source.gap_open_seconds > _OVERDUE_INTERVALS * source.interval:  # less is only the time between two polls
        parts.append(f"{duration(source.gap_open_seconds)} still to be read.")
    if source.unprovable > 0:
        pages = "1 page" if source.unprovable == 1 else f"{source.unprovable:,} pages"
        parts.append(f"{pages} proved nothing: out of order, or all rows of one instant.")
    return " ".join(parts) or "None", source.gap_lost_seconds > 0 or source.unprovable > 0


def _budget(source: SourceState) -> str:
    return f"{source.requests_used:,} of {source.requests_limit:,} requests in the last minute"


def _polls(source: SourceState, now: int) -> str:
    parts = [f"Every {duration(source.interval)}"]
    if source.next_poll is not None:
        wait = (source.next_poll - now) / SECOND
        parts.append(f"next in {duration(wait)}" if wait >= 1 else "next one due now")
    if source.up is False:
        parts.append("never worked" if source.last_success is None else f"last worked {_ago(source.last_success, now)}")
    return ", ".join(parts)
