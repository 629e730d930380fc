"""What happened, as dashboards should show it: rows of the stand-in by labels, and numbers computed of them by hand.

Nothing here is taken from the exporter but the bounds of its buckets: quantiles are interpolated within them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Final

from exporter.metrics.catalog import Family
from exporter.models import MICRO, NO_SKILL, SECOND, UNKNOWN_MODEL, Status
from exporter.simulator.items import Item, Source
from tests.e2e.standin import Totals

ACCOUNT: Final = "default"
"""The account of everything."""


@dataclass(frozen=True, slots=True)
class Row:
    """A counted row, or the sum of several. What a row lacks is None; of sums, single durations are not known."""

    source: str
    model: str
    skill: str
    status: str
    completions: int
    input_tokens: int | None
    output_tokens: int | None
    credits: float | None
    duration: float | None = None
    """Seconds."""
    first_token: float | None = None
    """Seconds."""
    account: str = ACCOUNT

    @property
    def failed(self) -> bool:
        """Whether it is of completions that failed."""
        return self.status == Status.ERROR

    def chosen(self, choices: Mapping[str, Sequence[str]]) -> bool:
        """Whether it has one of the chosen values of each label."""
        return all(getattr(self, label) in values for label, values in choices.items())


Rows = Sequence[Row]
Number = Callable[[Rows], float]
"""A number of some rows; NaN where they do not tell."""

Labels = frozenset[tuple[str, str]]
"""Names and values, as :meth:`Prometheus.values` has them."""

Measure = Callable[[Row], float | None]


def of_items(items: Iterable[Item]) -> list[Row]:
    """Return the rows of settled items."""
    return [of_item(item) for item in items]


def of_item(item: Item) -> Row:
    """Return the row of a settled item."""
    return Row(
        item.source,
        item.model or UNKNOWN_MODEL,
        item.skill or NO_SKILL,
        item.status,
        1,
        item.input_tokens,
        item.output_tokens,
        None if item.credits is None else item.credits / MICRO,
        seconds(item),
        None if item.time_to_first_token is None else item.time_to_first_token / SECOND,
    )


def of_totals(totals: Totals) -> list[Row]:
    """Return one row for each sum. A list without any tokens reports none."""
    return [
        Row(
            *key,
            completions=sums.completions,
            input_tokens=sums.input_tokens if key.source == Source.COMPLETIONS else None,
            output_tokens=sums.output_tokens if key.source == Source.COMPLETIONS else None,
            credits=sums.microcredits / MICRO,
        )
        for key, sums in totals.items()
    ]


def seconds(item: Item) -> float:
    """Return how long an item took as its row says.

    Executions and requests say it in whole seconds; one that says 0 took the time from its creation to its finish.
    """
    if item.source is Source.COMPLETIONS:
        return item.duration / SECOND
    return round(item.duration / SECOND) or (item.finished - item.created) / SECOND


def by_labels(rows: Rows, labels: Iterable[str]) -> Mapping[Labels, list[Row]]:
    """Return the rows by the values of some labels."""
    found: dict[Labels, list[Row]] = {}
    for row in rows:
        found.setdefault(frozenset((label, getattr(row, label)) for label in labels), []).append(row)
    return found


def total(measure: Measure, only: Callable[[Row], bool] = lambda row: True) -> Number:
    """Return the sum of a measure over ``only`` some rows; NaN if no row at all has it."""

    def number(rows: Rows) -> float:
        known = [(row, value) for row in rows if (value := measure(row)) is not None]
        return sum(value for row, value in known if only(row)) if known else nan

    return number


def ratio(one: Number, other: Number, scale: float = 1) -> Number:
    """Return ``scale`` times one number over another; NaN of nothing."""

    def number(rows: Rows) -> float:
        above, below = one(rows), other(rows)
        return scale * above / below if below else nan

    return number


def plus(one: Number, other: Number, sign: int = 1) -> Number:
    """Return one number and another, added up; or subtracted, for a ``sign`` of -1."""
    return lambda rows: one(rows) + sign * other(rows)


def mean(measure: Measure, only: Callable[[Row], bool] = lambda row: True) -> Number:
    """Return the mean of a measure over those of ``only`` some rows that have it."""
    return ratio(total(measure, only), total(lambda row: None if measure(row) is None else row.completions, only))


def quantile(phi: float, measure: Measure, family: Family, only: Callable[[Row], bool]) -> Number:
    """Return a quantile of a measure as a histogram tells it: interpolated in the bucket in which it lies."""

    def number(rows: Rows) -> float:
        values = _values(rows, measure, only)
        rank, below, counted = phi * len(values), 0.0, 0
        for bound in family.buckets:
            at_most = sum(value <= bound for value in values)
            if values and at_most >= rank:
                return below + (bound - below) * (rank - counted) / (at_most - counted)
            below, counted = bound, at_most
        return below if values else nan

    return number


def cumulative(measure: Measure, family: Family, only: Callable[[Row], bool]) -> Callable[[Rows], Mapping[str, float]]:
    """Return how many values lie at or below each bound of a histogram, by its label ``le``; none if no row tells."""

    def numbers(rows: Rows) -> Mapping[str, float]:
        values = _values(rows, measure, only)
        if all(measure(row) is None for row in rows):
            return {}
        at_most = {f"{float(bound)}": sum(value <= bound for value in values) for bound in family.buckets}
        return {**at_most, "+Inf": len(values)}

    return numbers


def _values(rows: Rows, measure: Measure, only: Callable[[Row], bool]) -> list[float]:
    return [value for row in rows if only(row) and (value := measure(row)) is not None]
