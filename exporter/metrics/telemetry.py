"""The exporter's own metrics: counters that are in the ledger before they are shown, and gauges.

An injected object, one a daemon. A counter's increments wait until :meth:`Telemetry.take` hands them to a commit and
:meth:`Telemetry.committed` confirms it, so that none is ever shown that ``kill -9`` could take back.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from exporter.metrics.catalog import EXPORTER_FAMILIES, Family, Kind
from exporter.metrics.spelling import Values
from exporter.models import CounterKey


class Telemetry:
    """Values of the exporter families."""

    def __init__(self, counters: Mapping[CounterKey, int]) -> None:
        """Go on from the ``counters`` of the last run."""
        self._counters: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
        _add(self._counters, counters)
        self._waiting: Counter[CounterKey] = Counter()
        self._taken: Counter[CounterKey] = Counter()
        self._page: Counter[CounterKey] = Counter()
        self._gauges: defaultdict[str, dict[tuple[str, ...], float]] = defaultdict(dict)

    def declare(self, family: Family, *labels: str) -> None:
        """Let a counter exist, at 0 unless it was counted before."""
        self._counters[family.name].setdefault(labels, 0)

    def count(self, family: Family, *labels: str, by: int = 1) -> None:
        """Increment a counter; it shows after the next commit."""
        self._waiting[family.name, labels] += by

    def set(self, family: Family, *labels: str, value: float) -> None:
        """Set a gauge."""
        self._gauges[family.name][labels] = value

    def value(self, family: Family, *labels: str) -> float:
        """Current value of a series, 0 if it does not exist."""
        values: Values = (self._counters if family.kind is Kind.COUNTER else self._gauges)[family.name]
        return values.get(labels, 0)

    def total(self, family: Family, *labels: str) -> int:
        """Sum of a counter's series whose first labels are ``labels``."""
        return sum(value for found, value in self._counters[family.name].items() if found[: len(labels)] == labels)

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
        _add(self._counters, self._taken)
        _add(self._counters, self._page)
        self._taken, self._page = Counter(), Counter()

    def failed(self) -> None:
        """The increments taken are not durable: keep ours for the next commit; the page's come again with the page."""
        self._waiting.update(self._taken)
        self._taken, self._page = Counter(), Counter()

    def collect(self, *, unsaved: bool = False) -> Iterator[tuple[Family, Values]]:
        """Yield the families that have values, in the catalogue's order.

        ``unsaved``: include increments that no commit has taken, as when the ledger fails.
        """
        counters = self._counters
        if unsaved:
            counters = defaultdict(Counter, {name: values.copy() for name, values in counters.items()})
            _add(counters, self._waiting)
        for family in EXPORTER_FAMILIES:
            values: Values = (counters if family.kind is Kind.COUNTER else self._gauges)[family.name]
            if values:
                yield family, values


def _add(counters: Mapping[str, Counter[tuple[str, ...]]], increments: Mapping[CounterKey, int]) -> None:
    """Add up by family, so that no family is looked for among the others' values."""
    for (name, labels), by in increments.items():
        counters[name][labels] += by
