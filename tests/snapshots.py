"""Random snapshots: hostile labels, families not shown yet, exemplars, values of any size."""

from __future__ import annotations

from hypothesis import strategies as st

from exporter.metrics import catalog
from exporter.metrics.catalog import Family
from exporter.metrics.snapshot import HistogramView, SeriesView, Snapshot
from exporter.models import SECOND, BudgetState, Exemplar, Offender, SeriesKey
from tests.clocks import START

odd = st.sampled_from(['"', "\\", "\n", "%s", "{}", "le"])
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | odd
amounts = st.integers(0, 2**63 - 1) | st.integers(0, 3)
times = st.integers(START, START + 10**9 * SECOND)
exemplars = st.builds(Exemplar, text.map(lambda end: f"cmpl-{end}") | st.just("x" * 116), amounts, times)
keys = st.builds(
    SeriesKey,
    st.sampled_from(["acme", "a b"]),
    st.sampled_from(["completions", "requests"]),
    text,
    text,
    st.sampled_from(["success", "error"]),
    st.sampled_from(["false", "true"]),
)


def histograms(family: Family) -> st.SearchStrategy[HistogramView]:
    size = len(family.buckets) + 1
    counts = st.lists(st.integers(0, 9) | st.integers(0, 2**58), min_size=size, max_size=size)
    return st.builds(HistogramView, amounts, counts, st.dictionaries(st.integers(0, size - 1), exemplars, max_size=3))


views = st.builds(
    SeriesView,
    completions=amounts,
    input_tokens=st.none() | amounts,
    output_tokens=st.none() | amounts,
    credits=st.none() | amounts,
    low_token=st.none() | amounts,
    slow_low_token=st.none() | amounts,
    duration=st.none() | histograms(catalog.DURATION),
    time_to_first_token=st.none() | histograms(catalog.TIME_TO_FIRST_TOKEN),
    output_length=st.none() | histograms(catalog.OUTPUT_LENGTH),
    cost=st.none() | histograms(catalog.COST),
    error_exemplar=st.none() | exemplars,
    slow_exemplar=st.none() | exemplars,
)
offenders = st.builds(
    Offender,
    amounts,
    times,
    st.text(max_size=300),
    st.sampled_from(["slow_low_token", "error", "credits"]),
    st.just("acme"),
    st.just("completions"),
    text,
    text,
)
budgets = st.builds(BudgetState, st.just("acme"), text, amounts, amounts, times, times, st.booleans())
ratios = st.floats(0, 1)
snapshots = st.builds(
    Snapshot,
    series=st.dictionaries(keys, views, max_size=12),
    worst=st.lists(offenders, max_size=3),
    budgets=st.lists(budgets, max_size=2, unique_by=lambda budget: budget.name),
    error_ratios=st.dictionaries(text, ratios, max_size=2),
    slow_ratios=st.dictionaries(st.tuples(text, text, text), ratios, max_size=3),
    link=st.sampled_from(["", "https://example.com/{source}/{id}"]),
)
