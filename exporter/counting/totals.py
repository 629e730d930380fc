"""Integer counters and histogram buckets by series, and what a page of newly counted rows adds to them. Pure.

A value that a row lacks is never counted as 0: it is left out, and reported as missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import add

import msgspec

from exporter.counting import layout as slots
from exporter.counting.columns import Columns
from exporter.counting.examples import Examples, Exemplars, keep_latest
from exporter.counting.labels import LabelCaps
from exporter.counting.layout import Layout
from exporter.counting.sheet import Sheet
from exporter.models import (
    NO_SKILL,
    OTHER,
    SECOND,
    UNKNOWN_MODEL,
    Completion,
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
    exemplars: Exemplars = field(default_factory=dict)
    """A completion for each slot (a bucket, or a counter): the first of its page, which is the newest created."""


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

    def count(self, delta: Delta, page: Columns, now: int) -> None:
        """Add terminal rows, as a page shows them, counted at ``now`` (µs, server's clock), to ``delta``."""
        labels = list(zip(page.model, page.skill, page.failed, self._late(page.ended, now), strict=True))
        sheet = Sheet(self._layout, labels)
        keys = [self._key(delta, *group, rows) for group, rows in sheet.rows.items()]
        examples = Examples(page, sheet, keys, now)

        sheet.total(slots.INPUT_ROWS, slots.INPUT_TOKENS, page.input_tokens)
        sheet.observe(self._layout.output_length, page.output_tokens)
        sheet.observe(self._layout.time_to_first_token, page.time_to_first_token)
        examples.measured(sheet.observe(self._layout.duration, page.duration), page.duration)
        examples.measured(sheet.observe(self._layout.cost, page.credits), page.credits)
        examples.failed()
        examples.expensive()
        examples.slow(self._slow(sheet, page, keys))

        for key, values in zip(keys, sheet.series(), strict=True):
            known = delta.series.get(key)
            delta.series[key] = values if known is None else list(map(add, known, values))
        keep_latest(delta.exemplars, examples.exemplars)
        delta.offenders += examples.offenders
        delta.spend.update(_spent(page))
        for name in MEASURED:
            if missing := getattr(page, name).count(None):
                delta.missing[name] += missing

    def spend(self, delta: Delta, row: Completion) -> None:
        """Add only the credits of a terminal row to ``delta``: it feeds budgets, not counters."""
        if row.credits:
            delta.spend[row.event_time // QUARTER] += row.credits

    def _late(self, ended: Sequence[int], now: int) -> list[bool]:
        """Whether each row ended too long before it was counted, or counted first."""
        if self.recount is None:
            latest = now - self._late_after
            return [time < latest for time in ended]
        return [self.recount.counted(time, now) - time > self._late_after for time in ended]

    def _key(
        self, delta: Delta, model: str | None, skill: str | None, failed: bool, late: bool, rows: int
    ) -> SeriesKey:
        """Name the series of so many ``rows``, within the caps."""
        names = {"model": model or UNKNOWN_MODEL, "skill": skill or NO_SKILL}
        for label, name in names.items():
            if not self._caps.admit(self._source.account, label, name):
                delta.overflow[label] += rows
                names[label] = OTHER
        status = Status.ERROR if failed else Status.SUCCESS
        return SeriesKey(*self._source, names["model"], names["skill"], status.value, "true" if late else "false")

    def _slow(self, sheet: Sheet, page: Columns, keys: Sequence[SeriesKey]) -> list[int]:
        """Count the successes of few tokens, and the slow ones among them, which are returned."""
        rules = [self._rules.resolve(key.model, key.skill) for key in keys]
        limits = [
            -1 if key.status == Status.ERROR else rule.max_output_tokens for key, rule in zip(keys, rules, strict=True)
        ]
        low = [
            row
            for row, (group, tokens) in enumerate(zip(sheet.group_of, page.output_tokens, strict=True))
            if tokens is not None and tokens <= limits[group]
        ]
        slow = []
        for row in low:
            sheet.increment(row, slots.LOW_TOKEN)
            duration = page.duration[row]
            if duration is not None and duration > rules[sheet.group_of[row]].min_duration:
                sheet.increment(row, slots.SLOW_LOW_TOKEN)
                slow.append(row)
        return slow


def _spent(page: Columns) -> dict[int, int]:
    """Micro-credits by quarter of an hour."""
    first, last = min(page.ended) // QUARTER, max(page.ended) // QUARTER
    if first == last:  # as in nearly every page of a busy list
        total = sum(filter(None, page.credits))
        return {first: total} if total else {}
    spent: dict[int, int] = {}
    for ended, credits in zip(page.ended, page.credits, strict=True):
        if credits:
            quarter = ended // QUARTER
            spent[quarter] = spent.get(quarter, 0) + credits
    return spent


def siblings(key: SeriesKey) -> tuple[SeriesKey, ...]:
    """The series born together with ``key``: so that a first error, or a first late row, is a rise from 0."""
    return tuple(
        key._replace(status=status, late=late) for status in ("success", "error") for late in ("false", "true")
    )
