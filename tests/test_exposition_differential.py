"""Our rendering against prometheus_client's: the official parsers read the same from both, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric, Sample
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from exporter.metrics import catalog
from exporter.metrics.catalog import Family
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import Snapshot
from exporter.metrics.spelling import Values
from tests import reference_metrics
from tests.expositions import OPENMETRICS, body, exemplar_of, parse_openmetrics, parse_text, published
from tests.snapshots import snapshots, text


class Fixed(Collector):
    """Metrics that are collected already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def value_of(sample: Sample) -> tuple[object, ...]:
    """Value and exemplar, so that NaN is NaN, and -0 is 0."""
    return repr(float(sample.value) + 0.0), exemplar_of(sample)


def everything_of(metrics: Iterable[Metric]) -> list[tuple[object, ...]]:
    """All that was read, in its order."""
    return [
        (
            metric.name,
            metric.type,
            metric.documentation,
            [(sample.name, sample.labels, *value_of(sample)) for sample in metric.samples],
        )
        for metric in metrics
    ]


def own(family: Family) -> st.SearchStrategy[tuple[Family, Values]]:
    labels = st.tuples(*(text for _ in family.labels))
    values = st.integers(0, 2**63) if family.kind is catalog.Kind.COUNTER else st.floats()
    return st.tuples(st.just(family), st.dictionaries(labels, values, min_size=1, max_size=2))


families = st.tuples(*map(own, catalog.EXPORTER_FAMILIES))

FORMATS: Mapping[str, tuple[Callable[[CollectorRegistry], bytes], Callable[[bytes], Iterable[Metric]]]] = {
    "": (generate_latest, parse_text),
    OPENMETRICS: (openmetrics.generate_latest, parse_openmetrics),
}


@settings(max_examples=50)
@given(snapshot=snapshots, own=families)
def test_parsers_read_what_they_read_from_the_official_client(
    snapshot: Snapshot, own: tuple[tuple[Family, Values], ...]
) -> None:
    registry = CollectorRegistry()
    registry.register(Fixed([*reference_metrics.collect(snapshot), *reference_metrics.own(own)]))
    exposition = Exposition()
    exposition.publish(snapshot, own)
    for accept, (generate, parse) in FORMATS.items():
        end = b"# EOF\n" if accept else b""
        ours = published(body(exposition, accept)) + end
        assert everything_of(parse(ours)) == everything_of(parse(generate(registry)))
