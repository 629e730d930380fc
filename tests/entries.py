"""A list part of which is counted, and what the ledger may make of one row, and of a page, of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import pytest
from msgspec.structs import replace

from exporter.counting.columns import Columns
from exporter.counting.coverage import Coverage, Waiting
from exporter.counting.history import History
from exporter.counting.labels import LabelCaps
from exporter.counting.ledger import Entries, RowKey, RowOutcome, apply, fingerprints, row_key
from exporter.counting.totals import Delta, Tally
from exporter.models import MICRO, SECOND, Completion, SlowLowToken, SlowLowTokenRules, SourceKey, Status
from tests.builders import LAYOUT, page, row

SOURCE = SourceKey("default", "completions")
NOW = 1_000 * SECOND

AT_START = Coverage(
    horizon=100 * SECOND, proven=100 * SECOND, origin=200 * SECOND, max_lateness=0, history=History(0, 0)
)
SOON_AFTER = replace(AT_START, proven=300 * SECOND)
LATER = replace(AT_START, origin=100 * SECOND, horizon=200 * SECOND, proven=300 * SECOND)

finished = pytest.mark.parametrize("status", [Status.SUCCESS, Status.ERROR])


def tally() -> Tally:
    rules = SlowLowTokenRules(SlowLowToken(max_output_tokens=128, min_duration=10, alert_ratio=0.2))
    return Tally(SOURCE, layout=LAYOUT, rules=rules, caps=LabelCaps(9, 9), late_after=600 * SECOND)


def decide(
    coverage: Coverage,
    *rows: Completion,
    waiting: Iterable[Completion] = (),
    marks: Mapping[RowKey, int] | None = None,
) -> Entries:
    """What `apply` makes of a page listed now, with rows known as pending and the marks in the ledger."""
    keys = [row_key(SOURCE, each) for each in rows]
    known = {row_key(SOURCE, each).hash: Waiting(created=each.created, seen=5) for each in waiting}
    return apply(coverage, known, page(*rows, observed=NOW), keys, marks or {}, tally())


def billed(created: int, status: Status = Status.SUCCESS, **values: object) -> Completion:
    """A row with something in it to count."""
    fields = {"model": "m", "credits": 2 * MICRO, "output_tokens": 7, "duration": 5, **values}
    return row(created, "cmpl-1", status=status, **fields)


def fingerprint(each: Completion) -> int:
    return fingerprints(Columns.of([each]))[0]


def key_of(each: Completion) -> RowKey:
    return row_key(SOURCE, each)


def ignored(each: Completion) -> Entries:
    return Entries(outcomes=Counter({RowOutcome.SETTLED: 1}))


def spent(each: Completion) -> Entries:
    """It feeds credit budgets only."""
    delta = Delta()
    tally().spend(delta, each)
    settled = {key_of(each): fingerprint(each)}
    return Entries(settled=settled, delta=delta, outcomes=Counter({RowOutcome.SETTLED: 1}))


def counted(each: Completion) -> Entries:
    delta = Delta()
    tally().count(delta, Columns.of([each]), NOW)
    settled = {key_of(each): fingerprint(each)}
    return Entries(settled=settled, delta=delta, outcomes=Counter({RowOutcome.COUNTED: 1}))


def counted_beyond_lateness(each: Completion) -> Entries:
    entries = counted(each)
    entries.beyond_lateness = 1
    return entries


def awaited(each: Completion) -> Entries:
    waiting = {key_of(each).hash: Waiting(created=each.created, seen=NOW)}
    return Entries(waiting=waiting, outcomes=Counter({RowOutcome.PENDING: 1}))
