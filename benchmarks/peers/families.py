"""The exporter's six counters and four histograms of completions, as instruments of prometheus_client."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from benchmarks.peers.subject import Sums
from exporter.metrics import catalog
from exporter.metrics.catalog import Family


class Families:
    """The instruments, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.completions = self._counter(catalog.COMPLETIONS)
        self.input_tokens = self._counter(catalog.INPUT_TOKENS)
        self.output_tokens = self._counter(catalog.OUTPUT_TOKENS)
        self.credits = self._counter(catalog.CREDITS)
        self.low_token = self._counter(catalog.LOW_TOKEN)
        self.slow_low_token = self._counter(catalog.SLOW_LOW_TOKEN)
        self.duration = self._histogram(catalog.DURATION)
        self.time_to_first_token = self._histogram(catalog.TIME_TO_FIRST_TOKEN)
        self.output_length = self._histogram(catalog.OUTPUT_LENGTH)
        self.cost = self._histogram(catalog.COST)

    def sums(self) -> Sums:
        """Read back what was counted."""
        return {
            "completions": total(self.completions, catalog.COMPLETIONS.name),
            "input_tokens": total(self.input_tokens, catalog.INPUT_TOKENS.name),
            "output_tokens": total(self.output_tokens, catalog.OUTPUT_TOKENS.name),
        }

    def _counter(self, family: Family) -> Counter:
        return Counter(family.name, family.help, family.labels, registry=self.registry)

    def _histogram(self, family: Family) -> Histogram:
        return Histogram(family.name, family.help, family.labels, buckets=family.buckets, registry=self.registry)


def total(counter: Counter, name: str) -> float:
    """Return the sum of the samples called ``name`` over all children of ``counter``."""
    return sum(sample.value for metric in counter.collect() for sample in metric.samples if sample.name == name)
