"""What other thresholds would have done: the keys of the configuration that rules read as gauges, times some factors.

Nothing in an expression changes but names: a copy of the gauge, times the factor, takes its place, and what is recorded
from it is recorded once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from exporter.alerts.drill import promql
from exporter.alerts.drill.rules import Alert, Record, Rules
from exporter.metrics import catalog

FACTORS: Final = (0.5, 2.0, 4.0)

KEYS: Final[Mapping[str, str]] = {
    "slo.error_ratio": catalog.ERROR_BUDGET.name,
    "slow_low_token.alert_ratio": catalog.SLOW_LOW_TOKEN_RATIO.name,
    "budgets[].credits": catalog.BUDGET.name,
}
"""Keys of the configuration, and the gauges that say them."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The rules that depend on a key, as they are with ``factor`` times its value; ``affected`` as they are without."""

    key: str
    factor: float
    records: tuple[Record, ...]
    alerts: tuple[Alert, ...]
    affected: tuple[Alert, ...]


def copies() -> dict[str, dict[str, float]]:
    """The copies that the history must have: by gauge, their names and factors."""
    return {gauge: {_name(gauge, factor): factor for factor in FACTORS} for gauge in KEYS.values()}


def variants(rules: Rules) -> Sequence[Variant]:
    """All variants of all keys."""
    return [_variant(rules, key, gauge, factor) for key, gauge in KEYS.items() for factor in FACTORS]


def _variant(rules: Rules, key: str, gauge: str, factor: float) -> Variant:
    names = {gauge: _name(gauge, factor)}
    records = []
    for record in rules.records:
        if record.needs & names.keys():
            names[record.name] = _name(record.name, factor)
            records.append(replace(record, name=names[record.name], expr=promql.rename(record.expr, names)))
    affected = tuple(alert for alert in rules.alerts if promql.metrics(alert.expr) & names.keys())
    alerts = tuple(replace(alert, expr=promql.rename(alert.expr, names)) for alert in affected)
    return Variant(key, factor, tuple(records), alerts, affected)


def _name(metric: str, factor: float) -> str:
    return f"x{factor:g}:".replace(".", "_") + metric
