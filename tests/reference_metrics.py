"""Families as prometheus_client's metrics: what our own rendering is held against, and timed against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.core import Exemplar as WireExemplar

from exporter.metrics import catalog
from exporter.metrics.catalog import Family, Kind
from exporter.metrics.gauges import UNPRINTABLE, completion_link
from exporter.metrics.series import EXEMPLAR_ID
from exporter.metrics.snapshot import HistogramView, Snapshot
from exporter.metrics.spelling import Values
from exporter.models import MICRO, SECOND, BudgetState, Exemplar, SeriesKey


def collect(snapshot: Snapshot) -> Iterator[Metric]:
    """Yield every completion family of ``snapshot``."""
    series = sorted(snapshot.series.items())
    yield _counters(
        catalog.COMPLETIONS, ((key, view.completions, _exemplar(view.error_exemplar, 1)) for key, view in series)
    )
    yield _counters(catalog.INPUT_TOKENS, ((key, view.input_tokens, None) for key, view in series))
    yield _counters(catalog.OUTPUT_TOKENS, ((key, view.output_tokens, None) for key, view in series))
    yield _counters(
        catalog.CREDITS, ((key, None if view.credits is None else view.credits / MICRO, None) for key, view in series)
    )
    yield _histograms(catalog.DURATION, ((key, view.duration) for key, view in series), SECOND)
    yield _histograms(catalog.TIME_TO_FIRST_TOKEN, ((key, view.time_to_first_token) for key, view in series), SECOND)
    yield _histograms(catalog.OUTPUT_LENGTH, ((key, view.output_length) for key, view in series), 1)
    yield _histograms(catalog.COST, ((key, view.cost) for key, view in series), MICRO)
    low = [((*key[:4], key.late), view) for key, view in series if key.status == "success"]
    yield _counters(catalog.LOW_TOKEN, ((labels, view.low_token, None) for labels, view in low))
    yield _counters(
        catalog.SLOW_LOW_TOKEN,
        ((labels, view.slow_low_token, _exemplar(view.slow_exemplar, SECOND)) for labels, view in low),
    )
    yield _worst(snapshot)
    yield from _budgets(snapshot.budgets)
    ratio = GaugeMetricFamily(catalog.ERROR_BUDGET.name, catalog.ERROR_BUDGET.help, labels=catalog.ERROR_BUDGET.labels)
    for account, value in snapshot.error_ratios.items():
        ratio.add_metric([account], value)
    yield ratio
    family = catalog.SLOW_LOW_TOKEN_RATIO
    ratio = GaugeMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in sorted(snapshot.slow_ratios.items()):
        ratio.add_metric(labels, value)
    yield ratio


def _counters(
    family: Family, samples: Iterable[tuple[Sequence[str], float | None, WireExemplar | None]]
) -> CounterMetricFamily:
    metric = CounterMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value, exemplar in samples:
        if value is not None:
            metric.add_metric(labels, value, exemplar=exemplar if value else None)
    return metric


def _histograms(
    family: Family, samples: Iterable[tuple[SeriesKey, HistogramView | None]], unit: int
) -> HistogramMetricFamily:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    bounds = [*(str(float(bound)) for bound in family.buckets), "+Inf"]
    for key, view in samples:
        if view is None:
            continue
        buckets: list[tuple[str, float] | tuple[str, float, WireExemplar]] = []
        for index, (bound, count) in enumerate(zip(bounds, accumulate(view.counts), strict=True)):
            exemplar = _exemplar(view.exemplars.get(index), unit)
            buckets.append((bound, count) if exemplar is None else (bound, count, exemplar))
        metric.add_metric(key, buckets, view.sum / unit)
    return metric


def _exemplar(exemplar: Exemplar | None, unit: int) -> WireExemplar | None:
    if exemplar is None or not EXEMPLAR_ID.fullmatch(exemplar.completion_id):
        return None
    return WireExemplar({"completion_id": exemplar.completion_id}, exemplar.value / unit, exemplar.time / SECOND)


def _worst(snapshot: Snapshot) -> GaugeMetricFamily:
    metric = GaugeMetricFamily(catalog.WORST.name, catalog.WORST.help, labels=catalog.WORST.labels)
    shown: set[tuple[str, ...]] = set()
    for offender in snapshot.worst:
        labels = (
            offender.reason,
            offender.account,
            offender.source,
            offender.model,
            offender.skill,
            UNPRINTABLE.sub("\ufffd", offender.completion_id)[:256],
            completion_link(snapshot.link, offender),
        )
        if labels not in shown:  # ids may show alike; the worst comes first
            shown.add(labels)
            metric.add_metric(labels, offender.value / (MICRO if offender.reason == "credits" else SECOND))
    return metric


def _budgets(budgets: Sequence[BudgetState]) -> Iterator[GaugeMetricFamily]:
    families = (
        catalog.BUDGET,
        catalog.BUDGET_SPENT,
        catalog.BUDGET_START,
        catalog.BUDGET_END,
        catalog.BUDGET_COMPLETE,
    )
    metrics = [GaugeMetricFamily(family.name, family.help, labels=family.labels) for family in families]
    for budget in budgets:
        values = (
            budget.credits / MICRO,
            budget.spent / MICRO,
            budget.start / SECOND,
            budget.end / SECOND,
            float(budget.complete),
        )
        for metric, value in zip(metrics, values, strict=True):
            metric.add_metric([budget.account, budget.name], value)
    yield from metrics


def own(families: Iterable[tuple[Family, Values]]) -> Iterator[Metric]:
    """Yield the exporter's own families."""
    for family, values in families:
        kind = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
        metric = kind(family.name, family.help, labels=family.labels)
        for labels, value in values.items():
            metric.add_metric(labels, value)
        yield metric
