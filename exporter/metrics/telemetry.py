"""The exporter's own metrics: counters that are in the ledger before they are shown, and gauges.

An injected object, one a daemon. A counter's increments wait until :meth:`Telemetry.take` hands them to a commit and
:meth:`Telemetry.committed` confirms it, so that none is ever shown that ``kill -9`` could take back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from exporter.metrics.catalog import EXPORTER_FAMILIES, Family, Kind
from exporter.models import CounterKey


class Telemetry:
    """Values of the exporter families."""

    def __init__(self, counters: Mapping[CounterKey, int]) -> None:
        """Go on from the ``counters`` of the last run."""
        self._counters: Counter[CounterKey] = Counter(counters)
        self._waiting: Counter[CounterKey] = Counter()
        self._taken: Counter[CounterKey] = Counter()
        self._page: Counter[CounterKey] = Counter()
        self._gauges: dict[CounterKey, float] = {}

    def declare(self, family: Family, *labels: str) -> None:
        """Let a counter exist, at 0 unless it was counted before."""
        self._counters.setdefault((family.name, labels), 0)

    def count(self, family: Family, *labels: str, by: int = 1) -> None:
        """Increment a counter; it shows after the next commit."""
        self._waiting[family.name, labels] += by

    def set(self, family: Family, *labels: str, value: float) -> None:
        """Set a gauge."""
        self._gauges[family.name, labels] = value

    def value(self, family: Family, *labels: str) -> float:
        """Current value of a series, 0 if it does not exist."""
        values: Mapping[CounterKey, float] = self._counters if family.kind is Kind.COUNTER else self._gauges
        return values.get((family.name, labels), 0)

    def total(self, family: Family, *labels: str) -> int:
        """Sum of a counter's series whose first labels are ``labels``."""
        return sum(
            value
            for (name, found), value in self._counters.items()
            if name == family.name and found[: len(labels)] == labels
        )

    def reset_gauges(self) -> None:
        """Drop every gauge: the configuration has changed, and what is still true will be set again."""
        self._gauges.clear()

    def take(self, page: Mapping[CounterKey, int] | None = None) -> Mapping[CounterKey, int]:
        """Increments for the next commit, with those of the ``page`` it commits.

        Follow with :meth:`committed` or :meth:`failed`.
        """
        self._taken, self._waiting = self._waiting, Counter()
        self._page = Counter(page or {})
        return self._taken + self._page

    def committed(self) -> None:
        """The increments taken are durable: show them."""
        self._counters.update(self._taken)
        self._counters.update(self._page)
        self._taken, self._page = Counter(), Counter()

    def failed(self) -> None:
        """The increments taken are not durable: keep ours for the next commit; the page's come again with the page."""
        self._waiting.update(self._taken)
        self._taken, self._page = Counter(), Counter()

    def collect(self, *, unsaved: bool = False) -> Iterator[Metric]:
        """Yield the families. ``unsaved``: include increments that no commit has taken, as when the ledger fails."""
        counters = self._counters.copy()
        if unsaved:
            counters.update(self._waiting)
        for family in EXPORTER_FAMILIES:
            is_counter = family.kind is Kind.COUNTER
            metric: CounterMetricFamily | GaugeMetricFamily
            if is_counter:
                metric = CounterMetricFamily(family.name, family.help, labels=family.labels)
            else:
                metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
            values: Mapping[CounterKey, float] = counters if is_counter else self._gauges
            for (name, labels), value in values.items():
                if name == family.name:
                    metric.add_metric(labels, value)
            if metric.samples:
                yield metric
