"""Credit budgets: the period a moment lies in, and what was spent in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from exporter.counting.coverage import Coverage, budget_floor
from exporter.counting.totals import QUARTER
from exporter.models import SECOND, BudgetState

SPEND_KEPT = 70 * 86_400 * SECOND
"""How long (µs) credit sums are kept: two months of any length."""


@dataclass(frozen=True, slots=True)
class Budget:
    """So many micro-credits a ``day``, ``week`` (from Monday) or ``month`` of the calendar in ``timezone``."""

    account: str
    name: str
    credits: int
    period: str
    timezone: str

    def bounds(self, now: int) -> tuple[int, int]:
        """Start and end (µs) of the period that ``now`` lies in, as local midnights: a day may have 23 or 25 hours."""
        zone = ZoneInfo(self.timezone)
        today = datetime.fromtimestamp(now / SECOND, zone).date()
        first, following = _PERIODS[self.period](today)
        return _midnight(first, zone), _midnight(following, zone)


def state(
    budget: Budget, spend: Iterable[Mapping[int, int]], coverage: Iterable[Coverage | None], now: int
) -> BudgetState:
    """What of ``budget`` is spent at ``now``.

    ``spend`` and ``coverage`` are those of each of the account's lists. It is complete when every list was walked back
    to the period's start, and no stretch since was given up as lost.
    """
    start, end = budget.bounds(now)
    first, following = start // QUARTER, end // QUARTER
    spent = sum(amount for sums in spend for quarter, amount in sums.items() if first <= quarter < following)
    complete = all(
        known is not None and known.lost_until <= start and known.history.reaches(budget_floor(known, start))
        for known in coverage
    )
    return BudgetState(budget.account, budget.name, budget.credits, spent, start, end, complete)


def spend_from(coverage: Coverage) -> int:
    """The first quarter of an hour whose credits are kept."""
    return (coverage.proven - SPEND_KEPT) // QUARTER


def _day(today: date) -> tuple[date, date]:
    return today, today + timedelta(days=1)


def _week(today: date) -> tuple[date, date]:
    monday = today - timedelta(days=today.weekday())
    return monday, monday + timedelta(days=7)


def _month(today: date) -> tuple[date, date]:
    first = today.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


_PERIODS = {"day": _day, "week": _week, "month": _month}


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * SECOND
