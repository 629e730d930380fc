"""What a configuration says about a simulated history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exporter.counting.budgets import Budget
from exporter.models import SlowLowTokenRules

ACCOUNT: Final = "default"
"""The account that has the traffic."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Thresholds and times (µs) in force; without ``budgets``, some that fit the traffic are made."""

    error_ratio: float
    rules: SlowLowTokenRules
    interval: int
    """Time between polls."""
    late_after: int
    birth_hold: int
    max_models: int
    max_skills: int
    budgets: tuple[Budget, ...] = ()


def budget(name: str, credits: int, period: str, timezone: str = "UTC") -> Budget:
    """A budget of the account, in micro-credits a ``day``, ``week`` or ``month`` of the time zone."""
    return Budget(ACCOUNT, name, credits, period, timezone)
