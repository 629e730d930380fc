"""What Prometheus would have stored of the completions that an exporter counts: only the metrics that rules read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from exporter.alerts.drill.samples import Chunk, Labels, series
from exporter.counting import layout as slots
from exporter.counting.layout import Histogram, Layout
from exporter.metrics import catalog
from exporter.metrics.catalog import Family
from exporter.models import MICRO, SECOND, SeriesKey

TARGET: Final = (("instance", "localhost:9877"), ("job", "vlmrun-exporter"))
"""The labels that Prometheus adds to everything that it scrapes of one exporter."""

_COUNTERS: Final = {
    catalog.COMPLETIONS: (slots.COMPLETIONS, None, 1),
    catalog.INPUT_TOKENS: (slots.INPUT_TOKENS, slots.INPUT_ROWS, 1),
    catalog.OUTPUT_TOKENS: (slots.OUTPUT_TOKENS, slots.OUTPUT_ROWS, 1),
    catalog.CREDITS: (slots.CREDITS, slots.CREDIT_ROWS, MICRO),
    catalog.LOW_TOKEN: (slots.LOW_TOKEN, slots.OUTPUT_ROWS, 1),
    catalog.SLOW_LOW_TOKEN: (slots.SLOW_LOW_TOKEN, slots.OUTPUT_ROWS, 1),
}
"""By family: the slot of its value, the slot that says whether there is one (None: always), and the unit."""

_Values = Sequence[int]


@dataclass(slots=True)
class _Group:
    """Series that are born together, and their samples since they were last handed on."""

    labels: Sequence[Labels]
    present: Callable[[_Values], bool]
    read: Callable[[_Values], Sequence[float]]
    since: int | None = None
    times: list[int] = field(default_factory=list)
    columns: list[list[float]] = field(default_factory=list)

    def scrape(self, values: _Values, now: int, hold: int) -> None:
        if self.since is None:
            if not self.present(values):
                return
            self.since = now
            self.columns = [[] for _ in self.labels]
        held = now - self.since < hold
        row = [0.0] * len(self.labels) if held else self.read(values)
        self.times.append(now // 1000)
        for column, value in zip(self.columns, row, strict=True):
            column.append(value)

    def drain(self) -> Iterator[Chunk]:
        if self.times:
            for labels, column in zip(self.labels, self.columns, strict=True):
                yield Chunk(labels, self.times, column)
        self.times = []
        self.columns = [[] for _ in self.labels]


class CompletionSeries:
    """The completion families, as far as they are ``needed``, scrape by scrape."""

    def __init__(self, layout: Layout, needed: Collection[str], hold: int) -> None:
        """Show new series as 0 for ``hold`` µs.

        ``needed`` are names of samples: a histogram's end in ``_bucket``, ``_sum`` or ``_count``.
        """
        self._hold = hold
        self._layout = layout
        self._needed = frozenset(needed)
        self._groups: dict[SeriesKey, list[_Group]] = {}

    def scrape(self, key: SeriesKey, values: _Values, now: int) -> None:
        """Take the values of one series at ``now`` (µs)."""
        groups = self._groups.get(key)
        if groups is None:
            groups = self._groups[key] = list(self._born(key))
        for group in groups:
            group.scrape(values, now, self._hold)

    def drain(self) -> Iterator[Chunk]:
        """Yield the samples taken since the last time."""
        for groups in self._groups.values():
            for group in groups:
                yield from group.drain()

    def _born(self, key: SeriesKey) -> Iterator[_Group]:
        for family, (slot, rows, unit) in _COUNTERS.items():
            if family.name in self._needed and ("status" in family.labels or key.status == "success"):
                yield _counter(_labels(family.name, family, key), slot, rows, unit)
        for family, place, unit in (
            (catalog.DURATION, self._layout.duration, SECOND),
            (catalog.TIME_TO_FIRST_TOKEN, self._layout.time_to_first_token, SECOND),
            (catalog.OUTPUT_LENGTH, self._layout.output_length, 1),
            (catalog.COST, self._layout.cost, MICRO),
        ):
            if f"{family.name}_sum" in self._needed:
                yield _Group([_labels(f"{family.name}_sum", family, key)], _any(place), _sum(place, unit))
            if f"{family.name}_count" in self._needed:
                yield _Group([_labels(f"{family.name}_count", family, key)], _any(place), _count(place))
            if f"{family.name}_bucket" in self._needed:
                bounds = [*(str(float(bound)) for bound in family.buckets), "+Inf"]
                names = [_labels(f"{family.name}_bucket", family, key, ("le", bound)) for bound in bounds]
                yield _Group(names, _any(place), _buckets(place))


def _labels(name: str, family: Family, key: SeriesKey, *more: tuple[str, str]) -> Labels:
    known = key._asdict()
    return series(name, [*((label, known[label]) for label in family.labels), *TARGET, *more])


def _counter(labels: Labels, slot: int, rows: int | None, unit: int) -> _Group:
    def present(values: _Values) -> bool:
        return rows is None or values[rows] > 0

    return _Group([labels], present, lambda values: (values[slot] / unit,))


def _any(place: Histogram) -> Callable[[_Values], bool]:
    return lambda values: any(values[place.buckets])


def _sum(place: Histogram, unit: int) -> Callable[[_Values], Sequence[float]]:
    return lambda values: (values[place.sum] / unit,)


def _count(place: Histogram) -> Callable[[_Values], Sequence[float]]:
    return lambda values: (float(sum(values[place.buckets])),)


def _buckets(place: Histogram) -> Callable[[_Values], Sequence[float]]:
    return lambda values: list(accumulate(values[place.buckets]))
