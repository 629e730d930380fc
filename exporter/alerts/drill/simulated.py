"""A simulated history: the stand-in's traffic, counted by the exporter's code, as Prometheus would store it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final

from exporter.alerts.drill import traffic
from exporter.alerts.drill.exposition import CompletionSeries
from exporter.alerts.drill.health import Health
from exporter.alerts.drill.samples import Chunk
from exporter.alerts.drill.terms import Terms, budget
from exporter.alerts.drill.traffic import Plan
from exporter.counting.budgets import Budget
from exporter.daemon import layout
from exporter.models import MICRO

_HEADROOM: Final = 1.2
"""Budgets allow for so many times the ordinary traffic."""

_PERIODS: Final = {"day": 86_400, "month": 30 * 86_400}
"""The periods of the budgets, in seconds."""

_SCRAPES_HELD: Final = 120


def history(plan: Plan, terms: Terms, needed: Collection[str]) -> Iterator[Chunk]:
    """Yield the samples of the ``needed`` metrics."""
    if not terms.budgets:
        terms = replace(terms, budgets=_budgets(plan))
    places = layout()
    counted_series = CompletionSeries(places, needed, terms.birth_hold)
    health = Health(plan, terms, needed)
    for number, (now, counted) in enumerate(traffic.count(plan, places, terms), 1):
        for key, values in counted.totals.series.items():
            counted_series.scrape(key, values, now)
        health.scrape(counted.totals.spend, counted.totals.series, now)
        if number % _SCRAPES_HELD == 0:
            yield from counted_series.drain()
            yield from health.drain()
    yield from counted_series.drain()
    yield from health.drain()


def _budgets(plan: Plan) -> tuple[Budget, ...]:
    """A budget a day and one a month, which ordinary traffic does not use up."""
    per_second = traffic.credits_per_second(plan)
    return tuple(
        budget(period, round(per_second * seconds * _HEADROOM / MICRO) * MICRO, period)
        for period, seconds in _PERIODS.items()
    )
