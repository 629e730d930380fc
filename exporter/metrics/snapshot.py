"""What the completion families show: frozen values, in the units of the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exporter.models import BudgetState, Exemplar, Offender, SeriesKey


@dataclass(frozen=True, slots=True)
class SeriesView:
    """One series as published, in the units of the ledger; None where the family is not shown yet.

    A histogram is its sum and its counts per bucket (not cumulative, +Inf last); exemplars are by bucket.
    """

    completions: int
    input_tokens: int | None = None
    output_tokens: int | None = None
    credits: int | None = None
    low_token: int | None = None
    slow_low_token: int | None = None
    duration: HistogramView | None = None
    time_to_first_token: HistogramView | None = None
    output_length: HistogramView | None = None
    cost: HistogramView | None = None
    error_exemplar: Exemplar | None = None
    slow_exemplar: Exemplar | None = None


@dataclass(frozen=True, slots=True)
class HistogramView:
    """Sum and counts per bucket of one histogram, with the latest completion of each bucket where known."""

    sum: int
    counts: Sequence[int]
    exemplars: Mapping[int, Exemplar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the completion families show. Replaced as a whole, never changed.

    A series whose view is the same object as in the snapshot before is not rendered again.
    """

    series: Mapping[SeriesKey, SeriesView] = field(default_factory=dict)
    worst: Sequence[Offender] = ()
    budgets: Sequence[BudgetState] = ()
    error_ratios: Mapping[str, float] = field(default_factory=dict)
    slow_ratios: Mapping[tuple[str, str, str], float] = field(default_factory=dict)
    link: str = ""
    """Template of a completion's address."""
