"""A tally for tests, and what it makes of rows."""

from __future__ import annotations

from exporter.counting.columns import Columns
from exporter.counting.labels import LabelCaps
from exporter.counting.layout import Histogram
from exporter.counting.totals import Delta, Tally
from exporter.models import SECOND, Completion, SeriesKey, SlowLowToken, SlowLowTokenRules, SourceKey
from tests.builders import LAYOUT

SOURCE = SourceKey("default", "completions")
NOW = 10_000 * SECOND
LATE_AFTER = 600 * SECOND
RULE = SlowLowToken(max_output_tokens=128, min_duration=10 * SECOND, alert_ratio=0.2)
KEY = SeriesKey("default", "completions", "m", "s", "success", "false")


def tally(rules: SlowLowTokenRules | None = None, caps: LabelCaps | None = None, source: SourceKey = SOURCE) -> Tally:
    return Tally(
        source,
        layout=LAYOUT,
        rules=rules or SlowLowTokenRules(RULE),
        caps=caps or LabelCaps(50, 50),
        late_after=LATE_AFTER,
    )


def counted(*rows: Completion, rules: SlowLowTokenRules | None = None, caps: LabelCaps | None = None) -> Delta:
    delta, adding = Delta(), tally(rules, caps)
    if rows:
        adding.count(delta, Columns.of(rows), NOW)
    return delta


def values_of(each: Completion) -> list[int]:
    """The integers of the one series that a row adds to."""
    (values,) = counted(each).series.values()
    return values


def histograms() -> tuple[Histogram, ...]:
    return LAYOUT.duration, LAYOUT.time_to_first_token, LAYOUT.output_length, LAYOUT.cost
