"""What PromQL may speak of: the metrics there are, their labels, and the values that labels can have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.metrics import catalog
from exporter.metrics.catalog import Kind
from exporter.metrics.reference import ENUMERATED
from tests.alerts.rulefiles import Rule

TARGET: Final = frozenset({"job", "instance"})
"""Labels that Prometheus adds to what it scrapes."""

ALERTS: Final = "ALERTS"


@dataclass(frozen=True, slots=True)
class Metric:
    """A name that a selector may use. ``values`` are those of the labels whose values are known."""

    name: str
    counter: bool
    labels: frozenset[str]
    values: Mapping[str, Collection[str]]


def vocabulary(rules: Iterable[Rule]) -> dict[str, Metric]:
    """Return all that rules may speak of: the catalogue's families, their records, and what Prometheus adds."""
    rules = list(rules)
    exposed = [metric for family in catalog.FAMILIES for metric in _exposed(family)]
    records = [_metric(rule.name, level(rule.name)) for rule in rules if not rule.alerting]
    ours = [_metric("up", TARGET), _metric("process_start_time_seconds", TARGET)]
    return {metric.name: metric for metric in [*exposed, *records, *ours]}


def with_alerts(known: Mapping[str, Metric], rules: Iterable[Rule]) -> dict[str, Metric]:
    """Return ``known`` and ALERTS, of which documents may speak: labels of any metric and of any rule."""
    rules = [rule for rule in rules if rule.alerting]
    labels = {"alertname", "alertstate"}.union(*(metric.labels for metric in known.values()))
    labels = labels.union(*(rule.labels for rule in rules))
    values = {
        "alertname": {rule.name for rule in rules},
        "alertstate": {"pending", "firing"},
        "severity": {rule.labels.get("severity", "") for rule in rules},
        "family": {rule.family for rule in rules},
    }
    return {**known, ALERTS: Metric(ALERTS, counter=False, labels=frozenset(labels), values=values)}


def level(record: str) -> frozenset[str]:
    """Return the labels that the name of a recording rule promises."""
    return frozenset(record.partition(":")[0].split("_"))


def _exposed(family: catalog.Family) -> Iterable[Metric]:
    counter = family.kind is not Kind.GAUGE
    labels = frozenset(family.labels) | TARGET
    values = {
        label: meanings
        for (label, only), meanings in ENUMERATED.items()
        if label in family.labels and only in (None, family)
    }
    if family.kind is Kind.HISTOGRAM:
        bounds = {*(f"{bound:g}" for bound in family.buckets), *(f"{bound:.1f}" for bound in family.buckets), "+Inf"}
        yield Metric(f"{family.name}_bucket", counter, labels | {"le"}, {**values, "le": bounds})
        for part in ("sum", "count"):
            yield Metric(f"{family.name}_{part}", counter, labels, values)
    else:
        yield Metric(family.name, counter, labels, values)


def _metric(name: str, labels: frozenset[str]) -> Metric:
    everywhere = {label: meanings for (label, only), meanings in ENUMERATED.items() if only is None and label in labels}
    return Metric(name, counter=False, labels=labels, values=everywhere)
