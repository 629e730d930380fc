"""What is taken down of a history on its way into the throw-away Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from exporter.alerts.drill.replay import Span
from exporter.alerts.drill.samples import STALE, Chunk, Labels
from exporter.metrics import catalog

ALWAYS: Final = frozenset((catalog.COMPLETIONS.name,))
"""What a history must have, whatever the rules read: it says how much was replayed, and that it is one of ours."""

_OF_THE_SCRAPE: Final = ("instance", "job")


class EmptyHistory(Exception):
    """A history without a completion counter: nothing can be learnt from it."""


@dataclass(slots=True)
class Ingest:
    """Passes chunks on, and with them copies of some gauges, times a factor, under other names.

    ``copies`` are, by name of a gauge, names and factors.
    """

    copies: Mapping[str, Mapping[str, float]]
    samples: int = 0
    _span: Span | None = None
    _series: set[Labels] = field(default_factory=set)
    _gauges: dict[str, set[float]] = field(default_factory=dict)
    _risen: dict[Labels, float] = field(default_factory=dict)
    _last: dict[Labels, float] = field(default_factory=dict)

    def through(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Yield ``chunks`` and the copies."""
        for chunk in chunks:
            if not chunk.times:
                continue
            self._note(chunk)
            yield chunk
            (_, name), *rest = chunk.labels
            for copy, factor in self.copies.get(name, {}).items():
                self._gauges.setdefault(name, set()).update(value for value in chunk.values if value == value)
                copied = [value if value is STALE else value * factor for value in chunk.values]
                yield Chunk((("__name__", copy), *rest), chunk.times, copied)

    @property
    def span(self) -> Span:
        """From the first sample to the last. Raises EmptyHistory."""
        if self._span is None or not self._last:
            raise EmptyHistory(f"the history has no sample of {catalog.COMPLETIONS.name}")
        return self._span

    @property
    def series(self) -> int:
        """How many series there are."""
        return len(self._series)

    @property
    def completions(self) -> int:
        """How many completions were counted from the first sample on; once, however many exporters counted them."""
        counted: dict[Labels, float] = {}
        for labels, risen in self._risen.items():
            key = tuple(pair for pair in labels if pair[0] not in _OF_THE_SCRAPE)
            counted[key] = max(risen, counted.get(key, 0.0))
        return round(sum(counted.values()))

    def values(self, gauge: str) -> tuple[float, ...]:
        """The values that a copied gauge had, ascending."""
        return tuple(sorted(self._gauges.get(gauge, ())))

    def _note(self, chunk: Chunk) -> None:
        self.samples += len(chunk.times)
        self._series.add(chunk.labels)
        first, last = chunk.times[0], chunk.times[-1]
        span = self._span or Span(first, last)
        self._span = Span(min(span.start, first), max(span.end, last))
        if chunk.labels[0][1] == catalog.COMPLETIONS.name:
            self._count(chunk)

    def _count(self, chunk: Chunk) -> None:
        risen, last = self._risen.get(chunk.labels, 0.0), self._last.get(chunk.labels)
        for value in chunk.values:
            if value == value:
                # A counter that is lower than before began anew.
                risen += 0.0 if last is None else value - last if value >= last else value
                last = value
        self._risen[chunk.labels] = risen
        if last is not None:
            self._last[chunk.labels] = last
