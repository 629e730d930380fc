"""What the ledger holds, and what one page changes in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exporter.counting.coverage import Coverage, Waiting
from exporter.counting.ledger import RowKey
from exporter.models import CounterKey, Offender, SeriesKey, SourceKey


@dataclass(slots=True)
class Contents:
    """Everything the ledger holds but the ids of counted rows."""

    coverage: dict[SourceKey, Coverage]
    waiting: dict[SourceKey, dict[int, Waiting]]
    totals: dict[SeriesKey, list[int]]
    released: dict[SeriesKey, int]
    counters: dict[CounterKey, int]
    spend: dict[SourceKey, dict[int, int]]
    offenders: tuple[Offender, ...]


@dataclass(slots=True)
class Changes:
    """One page's worth of changes. ``series`` holds new values, ``counters`` and ``spend`` what is added.

    ``observed`` is when the page was listed (µs, server's clock).
    """

    source: SourceKey
    coverage: Coverage
    settled: Mapping[RowKey, int] = field(default_factory=dict)
    waiting: Mapping[int, Waiting] = field(default_factory=dict)
    done_waiting: frozenset[int] | set[int] = frozenset()
    series: Mapping[SeriesKey, Sequence[int]] = field(default_factory=dict)
    counters: Mapping[CounterKey, int] = field(default_factory=dict)
    spend: Mapping[int, int] = field(default_factory=dict)
    offenders: tuple[Offender, ...] | None = None
    observed: int = 0
