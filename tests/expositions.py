"""A snapshot with a bit of everything, and what it comes to: as bytes, and as the official parsers read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from prometheus_client.core import Metric
from prometheus_client.core import Sample as WireSample
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics import catalog
from exporter.metrics.catalog import Kind
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import HistogramView, SeriesView, Snapshot
from exporter.metrics.telemetry import Telemetry
from exporter.models import MICRO, SECOND, BudgetState, Exemplar, Offender, SeriesKey
from tests import reference_metrics
from tests.clocks import START

OPENMETRICS = "application/openmetrics-text;version=1.0.0"

HOSTILE = 'quo"te back\\slash new\nline {brace="} tab\t Ünïcødé 漢字 🦉 #'


def counts(family: catalog.Family, *filled: int) -> list[int]:
    """One observation in each of these buckets."""
    return [filled.count(bucket) for bucket in range(len(family.buckets) + 1)]


def rich() -> Snapshot:
    """A bit of everything that can be published."""
    plain = SeriesKey("acme", "completions", "vlmrun-orion-2:pro", "invoice", "success", "false")
    full = SeriesView(
        completions=3,
        input_tokens=2**53 - 1,
        output_tokens=2**53,
        credits=1_234_567_890_123,
        low_token=2,
        slow_low_token=1,
        duration=HistogramView(
            1_012_345_678,
            counts(catalog.DURATION, 0, 3, 15),
            {0: Exemplar("cmpl-1", 40_000, START), 15: Exemplar("x" * 115, 1_000 * SECOND, START + 1)},
        ),
        time_to_first_token=HistogramView(300_000, counts(catalog.TIME_TO_FIRST_TOKEN, 1, 2)),
        output_length=HistogramView(9, counts(catalog.OUTPUT_LENGTH, 0, 0, 0)),
        cost=HistogramView(2_500_000, counts(catalog.COST, 5), {5: Exemplar("cmpl-2", 2_500_000, START)}),
        slow_exemplar=Exemplar("cmpl-3", 12 * SECOND, START),
    )
    failing = SeriesView(completions=1, error_exemplar=Exemplar("cmpl-4", 1, START))
    hostile = SeriesView(completions=1, error_exemplar=Exemplar(HOSTILE, 1, START))
    return Snapshot(
        series={
            plain: full,
            plain._replace(status="error"): failing,
            plain._replace(late="true"): SeriesView(completions=0),
            SeriesKey("acme", "requests", HOSTILE, "s" * 128, "error", "true"): hostile,
        },
        worst=[
            Offender(
                12_500_000, START, "cmpl-3", "slow_low_token", "acme", "completions", "vlmrun-orion-2:pro", "invoice"
            ),
            Offender(START, START, HOSTILE, "error", "acme", "requests", HOSTILE, "s" * 128),
            Offender(2_500_000, START, "i" * 1000, "credits", "acme", "completions", "vlmrun-orion-2:pro", "invoice"),
        ],
        budgets=[BudgetState("acme", "monthly", 100_000 * MICRO, 4_500_000, START, START + 744 * 3600 * SECOND, True)],
        error_ratios={"acme": 0.01},
        slow_ratios={("acme", "vlmrun-orion-2:pro", "invoice"): 0.2, ("acme", HOSTILE, "s" * 128): 0.05},
        link="https://example.com/{source}/{id}",
    )


def telemetry() -> Telemetry:
    """Every family of the exporter, once."""
    values = Telemetry({})
    for number, family in enumerate(catalog.EXPORTER_FAMILIES):
        labels = [f"some-{label}" for label in family.labels]
        if family.kind is Kind.COUNTER:
            values.count(family, *labels, by=number)
        else:
            values.set(family, *labels, value=number / 4)
    values.take()
    values.committed()
    values.set(catalog.CATCH_UP_ETA, "acme", "completions", value=float("inf"))
    return values


def expected() -> Iterator[Metric]:
    """What an exposition of :func:`everything` shows."""
    yield from reference_metrics.collect(rich())
    yield from reference_metrics.own(telemetry().collect())


def everything() -> Exposition:
    """An exposition of the rich snapshot and of every family of the exporter."""
    exposition = Exposition()
    exposition.publish(rich(), telemetry().collect())
    return exposition


def body(exposition: Exposition, accept: str = "") -> bytes:
    return exposition.scrape(accept, packed=False).body


def published(rendered: bytes) -> bytes:
    """The part that is rendered once per publish: the process's own metrics follow it, and never stand still."""
    return re.split(rb"^# HELP (?:process|python)_", rendered, maxsplit=1, flags=re.MULTILINE)[0]


def parse_text(rendered: bytes) -> Iterable[Metric]:
    return text_string_to_metric_families(rendered.decode())


def parse_openmetrics(rendered: bytes) -> Iterable[Metric]:
    return openmetrics.text_string_to_metric_families(rendered.decode())  # type: ignore[no-any-return]


Sample = tuple[str, frozenset[tuple[str, str]], float, tuple[object, ...] | None]


def exemplar_of(sample: WireSample) -> tuple[object, ...] | None:
    if sample.exemplar is None:
        return None
    assert sample.exemplar.timestamp is not None
    return (*sample.exemplar.labels.items(), float(sample.exemplar.value), float(sample.exemplar.timestamp))


def read(metrics: Iterable[Metric], *, exemplars: bool) -> dict[str, tuple[str, str, set[Sample]]]:
    """Ours of what was read, by family: type, help, samples. Fails on a sample that comes twice."""
    found = {}
    for metric in metrics:
        if not metric.name.startswith("vlmrun_"):
            continue
        samples = [
            (
                sample.name,
                frozenset(sample.labels.items()),
                float(sample.value),
                exemplar_of(sample) if exemplars else None,
            )
            for sample in metric.samples
        ]
        assert len(set(samples)) == len(samples)
        assert all(sample.timestamp is None for sample in metric.samples)
        found[metric.name] = (metric.type, metric.documentation, set(samples))
    return found
