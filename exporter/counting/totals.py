"""Integer counters and histogram buckets by series, and what a page of newly counted rows adds to them. Pure.

A value that a row lacks is never counted as 0: it is left out, and reported as missing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

import msgspec

from exporter.counting import layout as slots
from exporter.counting.labels import LabelCaps
from exporter.counting.layout import Histogram, Layout
from exporter.counting.worst import WINDOW
from exporter.models import (
    NO_SKILL,
    OTHER,
    SECOND,
    UNKNOWN_MODEL,
    Completion,
    Exemplar,
    Field,
    Offender,
    SeriesKey,
    SlowLowTokenRules,
    SourceKey,
    Status,
)

QUARTER = 900 * SECOND
"""Credits are summed per quarter of an hour: every time zone's days begin at one."""

MEASURED = (
    Field.MODEL,
    Field.INPUT_TOKENS,
    Field.OUTPUT_TOKENS,
    Field.CREDITS,
    Field.DURATION,
    Field.TIME_TO_FIRST_TOKEN,
)
"""The values whose absence is reported."""


class Recount(msgspec.Struct, frozen=True):
    """A ledger restored from an older copy counts rows a second time, long after they were counted first.

    ``since``: how far the copy had come; ``until``: how far counting had come by then (µs, server's clock). A row that
    ended in between is taken to have been counted as soon as it ended, one that ended before, as soon as the copy was
    made: so it goes into the series in which it was published. That is not known, but nearly always so. What was first
    counted more than ``late_after`` after it ended for another reason (an outage in between, a row that became visible
    late) was published with ``late="true"`` and comes back with ``late="false"``: the first series is then lower than
    it was, the second higher.
    """

    since: int
    until: int

    def counted(self, ended: int, now: int) -> int:
        """When a row that ``ended`` then and is counted ``now`` was counted first."""
        return max(ended, self.since) if ended <= self.until else now


@dataclass(slots=True)
class Delta:
    """What some newly counted rows add. ``series`` maps to flat lists (see :mod:`~exporter.counting.layout`)."""

    series: dict[SeriesKey, list[int]] = field(default_factory=dict)
    spend: Counter[int] = field(default_factory=Counter)
    """Micro-credits by number of the quarter of an hour in which the work ended."""
    missing: Counter[Field] = field(default_factory=Counter)
    overflow: Counter[str] = field(default_factory=Counter)
    offenders: list[Offender] = field(default_factory=list)
    exemplars: dict[tuple[SeriesKey, int], Exemplar] = field(default_factory=dict)
    """The latest completion by series and slot (a bucket, or a counter)."""


class Tally:
    """Adds up rows of one list."""

    def __init__(
        self, source: SourceKey, *, layout: Layout, rules: SlowLowTokenRules, caps: LabelCaps, late_after: int
    ) -> None:
        """Count rows of ``source``; one that finished ``late_after`` µs or more before it is counted is late."""
        self._source = source
        self._layout = layout
        self._rules = rules
        self._caps = caps
        self._late_after = late_after
        self.recount: Recount | None = None
        """What is being counted a second time, if anything is."""

    def count(self, delta: Delta, row: Completion, now: int) -> None:
        """Add a terminal row, counted at ``now`` (µs, server's clock), to ``delta``."""
        model, skill = self._names(delta, row)
        ended = row.event_time
        counted = self.recount.counted(ended, now) if self.recount else now
        late = "true" if counted - ended > self._late_after else "false"
        key = SeriesKey(*self._source, model, skill, row.status.value, late)
        values = delta.series.get(key)
        if values is None:
            values = delta.series[key] = [0] * self._layout.size
        values[slots.COMPLETIONS] += 1
        failed = row.status is Status.ERROR
        if failed:
            delta.exemplars[key, slots.COMPLETIONS] = Exemplar(row.id, 1, ended)
            if ended > now - WINDOW:
                self._offend(delta, row, key, "error", ended)
        self._tokens(delta, row, values)
        self._times(delta, row, values, key)
        self._credits(delta, row, values, key, now)
        if not failed:
            self._slow(delta, row, values, key, now)

    def spend(self, delta: Delta, row: Completion) -> None:
        """Add only the credits of a terminal row to ``delta``: it feeds budgets, not counters."""
        if row.credits:
            delta.spend[row.event_time // QUARTER] += row.credits

    def _names(self, delta: Delta, row: Completion) -> tuple[str, str]:
        model, skill = row.model or UNKNOWN_MODEL, row.skill or NO_SKILL
        if row.model is None:
            delta.missing[Field.MODEL] += 1
        if not self._caps.admit(self._source.account, "model", model):
            delta.overflow["model"] += 1
            model = OTHER
        if not self._caps.admit(self._source.account, "skill", skill):
            delta.overflow["skill"] += 1
            skill = OTHER
        return model, skill

    def _tokens(self, delta: Delta, row: Completion, values: list[int]) -> None:
        if row.input_tokens is None:
            delta.missing[Field.INPUT_TOKENS] += 1
        else:
            values[slots.INPUT_ROWS] += 1
            values[slots.INPUT_TOKENS] += row.input_tokens
        if row.output_tokens is None:
            delta.missing[Field.OUTPUT_TOKENS] += 1
        else:
            values[slots.OUTPUT_ROWS] += 1
            values[slots.OUTPUT_TOKENS] += row.output_tokens
            _observe(values, self._layout.output_length, row.output_tokens)

    def _times(self, delta: Delta, row: Completion, values: list[int], key: SeriesKey) -> None:
        if row.duration is None:
            delta.missing[Field.DURATION] += 1
        else:
            slot = _observe(values, self._layout.duration, row.duration)
            delta.exemplars[key, slot] = Exemplar(row.id, row.duration, row.event_time)
        if row.time_to_first_token is None:
            delta.missing[Field.TIME_TO_FIRST_TOKEN] += 1
        else:
            _observe(values, self._layout.time_to_first_token, row.time_to_first_token)

    def _credits(self, delta: Delta, row: Completion, values: list[int], key: SeriesKey, now: int) -> None:
        if row.credits is None:
            delta.missing[Field.CREDITS] += 1
            return
        values[slots.CREDIT_ROWS] += 1
        values[slots.CREDITS] += row.credits
        slot = _observe(values, self._layout.cost, row.credits)
        delta.exemplars[key, slot] = Exemplar(row.id, row.credits, row.event_time)
        self.spend(delta, row)
        if row.credits and row.event_time > now - WINDOW:
            self._offend(delta, row, key, "credits", row.credits)

    def _slow(self, delta: Delta, row: Completion, values: list[int], key: SeriesKey, now: int) -> None:
        if row.output_tokens is None:
            return
        rule = self._rules.resolve(key.model, key.skill)
        if row.output_tokens > rule.max_output_tokens:
            return
        values[slots.LOW_TOKEN] += 1
        if row.duration is None or row.duration <= rule.min_duration:
            return
        values[slots.SLOW_LOW_TOKEN] += 1
        delta.exemplars[key, slots.SLOW_LOW_TOKEN] = Exemplar(row.id, row.duration, row.event_time)
        if row.event_time > now - WINDOW:
            self._offend(delta, row, key, "slow_low_token", row.duration)

    def _offend(self, delta: Delta, row: Completion, key: SeriesKey, reason: str, value: int) -> None:
        account, source, model, skill = key[:4]
        delta.offenders.append(Offender(value, row.event_time, row.id, reason, account, source, model, skill))


def siblings(key: SeriesKey) -> tuple[SeriesKey, ...]:
    """The series born together with ``key``: so that a first error, or a first late row, is a rise from 0."""
    return tuple(
        key._replace(status=status, late=late) for status in ("success", "error") for late in ("false", "true")
    )


def _observe(values: list[int], histogram: Histogram, value: int) -> int:
    """Count ``value`` in its bucket; return the bucket's slot."""
    slot = histogram.sum + 1 + bisect_left(histogram.bounds, value)
    values[histogram.sum] += value
    values[slot] += 1
    return slot
