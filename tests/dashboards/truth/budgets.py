"""What queries of budgets have to say, by the query's name; computed of the configuration and of what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from exporter.models import MICRO, SECOND
from exporter.simulator.items import Item
from tests.dashboards.truth.rows import ACCOUNT, Labels


@dataclass(frozen=True, slots=True)
class Budget:
    """A configured budget, what was spent of it, and its period, in seconds since the epoch."""

    labels: Labels
    credits: float
    spent: float
    start: float
    end: float


def budgets(configured: Sequence[Mapping[str, Any]], items: Sequence[Item], at: float) -> list[Budget]:
    """Return the budgets as they are at a time, once these items are counted."""
    found = []
    for budget in configured:
        start, end = _period(budget["period"], datetime.fromtimestamp(at, ZoneInfo(budget["timezone"])))
        spent = sum(item.credits or 0 for item in items if start <= item.finished / SECOND < end) / MICRO
        labels = frozenset({("account", ACCOUNT), ("budget", budget["name"])})
        found.append(Budget(labels, budget["credits"], spent, start, end))
    return found


def _period(name: str, at: datetime) -> tuple[float, float]:
    """Return when the day or the month of a time begins, and when the next one does."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight if name == "day" else midnight.replace(day=1)
    after = first + timedelta(days=1) if name == "day" else (first + timedelta(days=31)).replace(day=1)
    return first.timestamp(), after.timestamp()


def _gone(budget: Budget, at: float) -> float:
    return (at - budget.start) / (budget.end - budget.start)


def _used(budget: Budget, at: float) -> float:
    return budget.spent / budget.credits


BUDGETS: Final[Mapping[str, Callable[[Budget, float], float]]] = {
    "overview / Now / Budget left": lambda budget, at: 1 - _used(budget, at),
    "credits / Budgets / Budget used": _used,
    "credits / Budgets / Budgets / Credits": lambda budget, at: budget.credits,
    "credits / Budgets / Budgets / Spent": lambda budget, at: budget.spent,
    "credits / Budgets / Budgets / Left": lambda budget, at: budget.credits - budget.spent,
    "credits / Budgets / Budgets / Period gone": _gone,
    "credits / Budgets / Budgets / Ends in": lambda budget, at: budget.end - at,
    "credits / Budgets / Spent of each budget / {{account}} · {{budget}}": _used,
    "credits / Budgets / Spent of each budget / period gone · {{account}} · {{budget}}": _gone,
    "credits / Budgets / Burn against pace / allowed · {{account}} · {{budget}}": lambda budget, at: (
        3600 * budget.credits / (budget.end - budget.start)
    ),
}
"""Of each budget, at a time."""
