"""What queries of dashboards may speak of: the catalogue, the alerts, and what Prometheus knows of every target."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.alerts import rulefiles, vocabulary
from tests.alerts.rulefiles import ROOT
from tests.alerts.vocabulary import TARGET, Metric

_OF_TARGETS: Final = (
    ("scrape_duration_seconds", False),
    ("scrape_samples_scraped", False),
    ("process_cpu_seconds_total", True),
    ("process_resident_memory_bytes", False),
)
"""What Prometheus notes of a scrape and what the client library adds, and whether it is a counter."""

_EXPOSED: Final = ROOT / "tests" / "golden" / "rich.openmetrics.txt"
_CARRYING: Final = re.compile(r"^(\w+)\{.* # \{completion_id=", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All that a dashboard may show: metrics by name. ``carriers`` are those whose samples have exemplars."""

    metrics: Mapping[str, Metric]
    carriers: frozenset[str]

    def counts_completions(self, name: str) -> bool:
        """Tell whether a metric is counted list by list: its rows may be late, and lists are not to be added up."""
        metric = self.metrics.get(name)
        return metric is not None and metric.counter and "late" in metric.labels


def read() -> Lexicon:
    """Read the catalogue, the rules, and what the exporter exposes. Dashboards do without the rules' records."""
    rules = [rule for file in rulefiles.rule_files() for rule in file.rules]
    scraped = vocabulary.vocabulary(rule for rule in rules if rule.alerting)
    of_targets = {name: Metric(name, counter, TARGET, {}) for name, counter in _OF_TARGETS}
    metrics = vocabulary.with_alerts({**scraped, **of_targets}, rules)
    return Lexicon(metrics, frozenset(_CARRYING.findall(_EXPOSED.read_text("utf-8"))))
