"""A scrape, read by the official parsers, and its samples by name and labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import Exemplar, Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

TEXT = "text/plain;version=0.0.4"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a scrape."""

    labels: Mapping[str, str]
    value: float
    exemplar: Exemplar | None

    def has(self, labels: Mapping[str, str]) -> bool:
        """Whether the sample carries all of ``labels``."""
        return labels.items() <= self.labels.items()


class Scrape:
    """The samples of one scrape. Names are those of samples: with ``_total``, ``_bucket``, ``_sum``, ``_count``."""

    def __init__(self, text: str, content_type: str = TEXT) -> None:
        """Parse ``text`` by its ``content_type``. Raises ValueError if it is not what it says."""
        self.text = text
        self.types: dict[str, str] = {}
        self._samples: dict[str, list[Sample]] = {}
        for family in _parse(text, content_type):
            self.types[family.name] = family.type
            for name, labels, value, _, exemplar, *_ in family.samples:
                self._samples.setdefault(name, []).append(Sample(labels, value, exemplar))

    @property
    def names(self) -> frozenset[str]:
        """The names of all samples."""
        return frozenset(self._samples)

    def samples(self, name: str, **labels: str) -> Iterator[Sample]:
        """Yield the samples called ``name`` that carry ``labels``."""
        return (sample for sample in self._samples.get(name, ()) if sample.has(labels))

    def sum(self, name: str, **labels: str) -> float:
        """Add up the samples called ``name`` that carry ``labels``; 0 without any."""
        return sum(sample.value for sample in self.samples(name, **labels))

    def value(self, name: str, **labels: str) -> float:
        """Return the only sample called ``name`` that carries ``labels``. Raises AssertionError on none or several."""
        found = list(self.samples(name, **labels))
        assert len(found) == 1, f"{name}{labels}: {len(found)} samples, not one"
        return found[0].value

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Add up the samples called ``name`` by the values of ``labels``."""
        sums: dict[tuple[str, ...], float] = {}
        for sample in self.samples(name):
            key = tuple(sample.labels[label] for label in labels)
            sums[key] = sums.get(key, 0.0) + sample.value
        return sums


def _parse(text: str, content_type: str) -> Iterable[Metric]:
    if content_type.startswith("application/openmetrics-text"):
        families: Iterable[Metric] = openmetrics.text_string_to_metric_families(text)
        return families
    return text_string_to_metric_families(text)
