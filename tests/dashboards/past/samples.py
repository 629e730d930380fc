"""A scrape as Prometheus stores it, written as OpenMetrics text with its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TextIO

from prometheus_client.core import Metric

from exporter.alerts.drill.samples import STALE, Chunk, Labels, series

_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

EOF: Final = "# EOF\n"

Lines = Mapping[str, str]
"""Of a scrape, by series."""


class Target:
    """One scraped target: turns what it shows into lines, which are to be followed by the time of the scrape."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        """``labels`` are those that Prometheus adds: ``job`` and ``instance``."""
        self._labels = labels
        self._prefixes: dict[tuple[str, ...], str] = {}
        self._series: dict[str, Labels] = {}

    def render(self, families: Iterable[Metric], *, buckets: bool = True) -> Lines:
        """Return the samples of ``families``, histograms with their ``buckets`` or only sums and counts."""
        known, lines = self._prefixes, {}
        for family in families:
            for name, labels, value, *_ in family.samples:
                if not buckets and name.endswith("_bucket"):
                    continue
                key = (name, *labels.values())
                prefix = known.get(key) or known.setdefault(key, self._prefix(name, labels))
                lines[prefix] = f"{prefix}{value!r} "
        return lines

    def of_the_scrape(self, values: Mapping[str, float]) -> Lines:
        """Return what Prometheus itself adds, by name."""
        return {(prefix := self._prefix(name, {})): f"{prefix}{value!r} " for name, value in values.items()}

    def ends(self, lines: Iterable[str], at: int) -> Iterator[Chunk]:
        """Yield the marks by which Prometheus ends series at ``at`` (ms); OpenMetrics text has none."""
        for line in lines:
            yield Chunk(self._series[line], [at], [STALE])

    def _prefix(self, name: str, labels: Mapping[str, str]) -> str:
        pairs = {**labels, **self._labels}
        quoted = [f'{label}="{text.translate(_ESCAPES)}"' for label, text in pairs.items()]
        prefix = f"{name}{{{','.join(quoted)}}} "
        self._series[prefix] = series(name, pairs.items())
        return prefix


def write(file: TextIO, at: int, *scrape: Lines) -> None:
    """Write lines with the time ``at`` (ms)."""
    end = f"{at / 1000:.3f}\n"
    for lines in scrape:
        if lines:
            file.write(end.join(lines.values()) + end)
