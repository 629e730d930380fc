"""prometheus_client's own server, over counters, gauges and histograms with the series of an exposition.

Histograms are filled by observing each bucket's bound as often as the bucket was hit, so that only their sums differ.
PROMETHEUS_DISABLE_CREATED_SERIES=True must be in the environment, or there are more series than the exposition has.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections import defaultdict
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.peers.subject import say

Instrument = TypeVar("Instrument", Counter, Gauge, Histogram)

INFINITY = "+Inf"
BEYOND = float(2**32 - 1)
"""More than every finite bound."""


def build(families: list[Metric]) -> CollectorRegistry:
    """Return a registry with instruments that have these series. Raises KeyError for other types."""
    registry = CollectorRegistry()
    fill = {"counter": _counter, "gauge": _gauge, "histogram": _histogram}
    for family in families:
        fill[family.type](family, registry)
    return registry


def _counter(family: Metric, registry: CollectorRegistry) -> None:
    counter = Counter(family.name, family.documentation, tuple(family.samples[0].labels), registry=registry)
    for sample in family.samples:
        _child(counter, sample.labels).inc(sample.value)


def _gauge(family: Metric, registry: CollectorRegistry) -> None:
    gauge = Gauge(family.name, family.documentation, tuple(family.samples[0].labels), registry=registry)
    for sample in family.samples:
        _child(gauge, sample.labels).set(sample.value)


def _histogram(family: Metric, registry: CollectorRegistry) -> None:
    series: dict[tuple[tuple[str, str], ...], dict[str, float]] = defaultdict(dict)
    for sample in family.samples:
        if sample.name.endswith("_bucket"):
            labels = {name: value for name, value in sample.labels.items() if name != "le"}
            series[tuple(labels.items())][sample.labels["le"]] = sample.value
    some_labels, some_buckets = next(iter(series.items()))
    bounds = tuple(float(bound) for bound in some_buckets if bound != INFINITY)
    names = tuple(name for name, _ in some_labels)
    histogram = Histogram(family.name, family.documentation, names, buckets=bounds, registry=registry)
    for key, buckets in series.items():
        child = _child(histogram, dict(key))
        for value, (below, up_to) in zip((*bounds, BEYOND), pairwise((0.0, *buckets.values())), strict=True):
            for _ in range(int(up_to - below)):
                child.observe(value)


def _child(metric: Instrument, labels: dict[str, str]) -> Instrument:
    """A metric without labels is its own child."""
    return metric.labels(**labels) if labels else metric


def main() -> None:
    """Serve until standard input ends."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("exposition", type=Path, help="in Prometheus's text format 0.0.4")
    families = list(text_string_to_metric_families(parser.parse_args().exposition.read_text()))
    server, _ = start_http_server(0, "127.0.0.1", build([family for family in families if family.samples]))
    say({"ready": True, "version": version("prometheus-client"), "port": server.server_port, "pid": os.getpid()})
    sys.stdin.read()


if __name__ == "__main__":
    main()
