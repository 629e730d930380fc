"""The completion families: units, what is left out, labels that cannot break the format, exemplars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import Metric, Sample

from exporter.metrics import catalog
from exporter.metrics.catalog import Family
from exporter.metrics.exposition import Exposition
from exporter.metrics.gauges import completion_link
from exporter.metrics.snapshot import HistogramView, SeriesView, Snapshot
from exporter.models import MICRO, SECOND, BudgetState, Exemplar, Offender, SeriesKey
from tests.clocks import START
from tests.expositions import OPENMETRICS, body, exemplar_of, parse_openmetrics, published

KEY = SeriesKey("acme", "completions", "m", "s", "success", "false")
LABELS = KEY._asdict()
OFFENDER = Offender(30 * SECOND, START, "id-1", "slow_low_token", "acme", "completions", "m", "s")


def families(snapshot: Snapshot) -> Sequence[Metric]:
    """What the official parser of OpenMetrics reads."""
    exposition = Exposition()
    exposition.publish(snapshot)
    return [*parse_openmetrics(published(body(exposition, OPENMETRICS)) + b"# EOF\n")]


def family(snapshot: Snapshot, wanted: Family) -> Metric:
    (found,) = (metric for metric in families(snapshot) if metric.name == wanted.name.removesuffix("_total"))
    return found


def samples(snapshot: Snapshot, wanted: Family) -> Sequence[Sample]:
    return family(snapshot, wanted).samples


def values(snapshot: Snapshot, wanted: Family) -> list[float]:
    return [sample.value for sample in samples(snapshot, wanted)]


def histogram(
    wanted: Family, sum_: int = 0, counts: dict[int, int] | None = None, **exemplars: Exemplar
) -> HistogramView:
    """Counts, and exemplars ``at_<bucket>``, by number of the bucket."""
    size = len(wanted.buckets) + 1
    return HistogramView(
        sum_,
        [(counts or {}).get(bucket, 0) for bucket in range(size)],
        {int(bucket.removeprefix("at_")): exemplar for bucket, exemplar in exemplars.items()},
    )


def test_every_completion_family_is_shown_once_in_the_catalogues_order_even_without_samples() -> None:
    for metric, entry in zip(families(Snapshot()), catalog.COMPLETION_FAMILIES, strict=True):
        assert metric.name == entry.name.removesuffix("_total")
        assert (metric.type, metric.documentation) == (entry.kind.value, entry.help)
        assert metric.samples == []


def test_values_leave_the_ledgers_units_for_the_names_units() -> None:
    view = SeriesView(
        completions=3,
        input_tokens=40,
        output_tokens=50,
        credits=7 * MICRO // 2,
        low_token=2,
        slow_low_token=1,
        duration=histogram(catalog.DURATION, sum_=2_500_000),
        time_to_first_token=histogram(catalog.TIME_TO_FIRST_TOKEN, sum_=250_000),
        output_length=histogram(catalog.OUTPUT_LENGTH, sum_=50),
        cost=histogram(catalog.COST, sum_=7 * MICRO // 2),
    )
    snapshot = Snapshot(series={KEY: view})
    for wanted, value in (
        (catalog.COMPLETIONS, 3),
        (catalog.INPUT_TOKENS, 40),
        (catalog.OUTPUT_TOKENS, 50),
        (catalog.CREDITS, 3.5),
    ):
        assert samples(snapshot, wanted) == [Sample(wanted.name, LABELS, value)]
    without_status = {name: value for name, value in LABELS.items() if name != "status"}
    assert samples(snapshot, catalog.LOW_TOKEN) == [Sample(catalog.LOW_TOKEN.name, without_status, 2)]
    assert samples(snapshot, catalog.SLOW_LOW_TOKEN) == [Sample(catalog.SLOW_LOW_TOKEN.name, without_status, 1)]
    for wanted, total in (
        (catalog.DURATION, 2.5),
        (catalog.TIME_TO_FIRST_TOKEN, 0.25),
        (catalog.OUTPUT_LENGTH, 50),
        (catalog.COST, 3.5),
    ):
        assert samples(snapshot, wanted)[-1] == Sample(f"{wanted.name}_sum", LABELS, total)


def test_a_family_that_a_series_does_not_show_yet_has_no_sample_of_it() -> None:
    snapshot = Snapshot(series={KEY: SeriesView(completions=0)})
    shown = {metric.name for metric in families(snapshot) if metric.samples}
    assert shown == {"vlmrun_completions"}
    assert values(snapshot, catalog.COMPLETIONS) == [0]


def test_low_token_completions_are_counted_of_successes_only() -> None:
    view = SeriesView(completions=1, low_token=0, slow_low_token=0)
    keys = [KEY._replace(status=status, late=late) for status in ("success", "error") for late in ("false", "true")]
    snapshot = Snapshot(series=dict.fromkeys(keys, view))
    for wanted in (catalog.LOW_TOKEN, catalog.SLOW_LOW_TOKEN):
        assert [sample.labels["late"] for sample in samples(snapshot, wanted)] == ["false", "true"]
        assert all("status" not in sample.labels for sample in samples(snapshot, wanted))


@pytest.mark.parametrize(
    "wanted",
    [catalog.DURATION, catalog.TIME_TO_FIRST_TOKEN, catalog.OUTPUT_LENGTH, catalog.COST],
    ids=lambda family: family.name,
)
@given(data=st.data())
def test_a_histogram_is_cumulative_and_ends_at_inf(wanted: Family, data: st.DataObject) -> None:
    size = len(wanted.buckets) + 1
    counts = data.draw(st.lists(st.integers(0, 2**50), min_size=size, max_size=size))
    field = {
        catalog.DURATION.name: "duration",
        catalog.TIME_TO_FIRST_TOKEN.name: "time_to_first_token",
        catalog.OUTPUT_LENGTH.name: "output_length",
        catalog.COST.name: "cost",
    }[wanted.name]
    view = replace(SeriesView(completions=1), **{field: HistogramView(5, counts)})  # type: ignore[arg-type]
    *buckets, count, _ = samples(Snapshot(series={KEY: view}), wanted)
    assert [float(sample.labels["le"]) for sample in buckets] == [*wanted.buckets, float("inf")]
    assert buckets[-1].labels["le"] == "+Inf"
    assert [sample.value for sample in buckets] == [sum(counts[: index + 1]) for index in range(size)]
    assert count.value == sum(counts)


def test_series_come_in_one_order_whatever_the_order_they_were_counted_in() -> None:
    keys = [KEY._replace(model=model) for model in "cab"]
    view = SeriesView(completions=1)
    snapshots = [Snapshot(series=dict.fromkeys(order, view)) for order in (keys, keys[::-1])]
    first, second = (samples(snapshot, catalog.COMPLETIONS) for snapshot in snapshots)
    assert first == second
    assert [sample.labels["model"] for sample in first] == ["a", "b", "c"]


# Exemplars


def test_exemplars_name_the_completion_its_value_and_its_time() -> None:
    view = SeriesView(
        completions=1,
        low_token=1,
        slow_low_token=1,
        duration=histogram(catalog.DURATION, counts={2: 1}, at_2=Exemplar("id-1", 150_000, START)),
        cost=histogram(catalog.COST, counts={13: 1}, at_13=Exemplar("id-2", 2000 * MICRO, START + 1)),
        error_exemplar=Exemplar("id-3", 1, START),
        slow_exemplar=Exemplar("id-4", 12 * SECOND, START),
    )
    snapshot = Snapshot(series={KEY: view})
    found = {
        (sample.name, sample.labels.get("le")): exemplar_of(sample)
        for metric in families(snapshot)
        for sample in metric.samples
        if sample.exemplar
    }
    start = START / SECOND
    assert found == {
        (catalog.COMPLETIONS.name, None): (("completion_id", "id-3"), 1, start),
        (catalog.SLOW_LOW_TOKEN.name, None): (("completion_id", "id-4"), 12, start),
        (f"{catalog.DURATION.name}_bucket", "0.16"): (("completion_id", "id-1"), 0.15, start),
        (f"{catalog.COST.name}_bucket", "+Inf"): (("completion_id", "id-2"), 2000, start + 1e-6),
    }


@pytest.mark.parametrize(
    ("completion_id", "fit"),
    [
        ("x" * 115, True),
        ("x" * 116, False),
        ("!#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~", True),
        ('quo"te', False),
        ("back\\slash", False),
        ("new\nline", False),
        ("a space", False),
        ("é", False),
        ("", False),
    ],
)
def test_an_id_that_parsers_would_differ_on_is_no_exemplar(completion_id: str, fit: bool) -> None:
    view = SeriesView(completions=1, error_exemplar=Exemplar(completion_id, 1, START))
    (sample,) = samples(Snapshot(series={KEY: view}), catalog.COMPLETIONS)
    assert (sample.exemplar is not None) is fit


def test_a_counter_still_at_0_has_no_exemplar() -> None:
    view = SeriesView(completions=0, low_token=0, slow_low_token=0, error_exemplar=Exemplar("id", 1, START))
    (sample,) = samples(Snapshot(series={KEY: view}), catalog.COMPLETIONS)
    assert sample.exemplar is None


# The worst completions


@pytest.mark.parametrize(
    ("reason", "value", "shown"),
    [
        ("slow_low_token", 12_500_000, 12.5),
        ("error", START, START / SECOND),
        ("credits", 1_500_000, 1.5),
    ],
)
def test_the_value_of_one_of_the_worst_is_in_the_reasons_unit(reason: str, value: int, shown: float) -> None:
    offender = Offender(value, START, "id-1", reason, "acme", "completions", "m", "s")
    (sample,) = samples(Snapshot(worst=[offender]), catalog.WORST)
    assert sample.value == shown
    assert sample.labels == {
        "reason": reason,
        "account": "acme",
        "source": "completions",
        "model": "m",
        "skill": "s",
        "completion_id": "id-1",
        "url": "",
    }


def offender(completion_id: str) -> Offender:
    return Offender(SECOND, START, completion_id, "error", "acme", "completions", "m", "s")


def test_an_id_that_does_not_print_or_is_long_is_shown_as_far_as_it_can_be() -> None:
    snapshot = Snapshot(worst=[offender("a\x00b\nc\u2028d"), offender("x" * 1024), offender('q"\\')])
    assert [sample.labels["completion_id"] for sample in samples(snapshot, catalog.WORST)] == [
        "a\ufffdb\ufffdc\ufffdd",
        "x" * 256,
        'q"\\',
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [("a\x01", "a\x02"), ("x" * 1000 + "1", "x" * 1000 + "2")],
    ids=["not printable", "long"],
)
def test_two_of_the_worst_whose_ids_show_alike_are_not_one_series_twice(one: str, other: str) -> None:
    shown = samples(Snapshot(worst=[offender(one), offender(other)]), catalog.WORST)
    labels = [tuple(sorted(sample.labels.items())) for sample in shown]
    assert len(set(labels)) == len(labels)


def test_one_completion_is_not_two_of_the_worst_under_one_name() -> None:
    """A row whose creation time the API amends is counted as another; a ledger made good may count one again."""
    snapshot = Snapshot(worst=[OFFENDER, replace_value(OFFENDER, 40 * SECOND)])
    labels = [tuple(sorted(sample.labels.items())) for sample in samples(snapshot, catalog.WORST)]
    assert len(set(labels)) == len(labels)


def replace_value(offender: Offender, value: int) -> Offender:
    return Offender(value, *(getattr(offender, name) for name in offender.__struct_fields__[1:]))


@pytest.mark.parametrize(
    ("template", "link"),
    [
        ("", ""),
        ("https://x.test/fixed", "https://x.test/fixed"),
        (
            "https://x.test/{account}/{source}/{model}/{skill}/{id}",
            "https://x.test/ac%20me/requests/m%3Apro/s%2Ft/a%26b",
        ),
        ("https://x.test/{id}?again={id}", "https://x.test/a%26b?again=a%26b"),
        ("https://x.test/{unknown}", "https://x.test/{unknown}"),
    ],
)
def test_a_link_is_the_template_filled_with_encoded_values(template: str, link: str) -> None:
    entry = Offender(1, START, "a&b", "error", "ac me", "requests", "m:pro", "s/t")
    assert completion_link(template, entry) == link


@given(
    completion_id=st.text(min_size=1),
    skill=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_no_value_can_break_out_of_its_place_in_a_link(completion_id: str, skill: str) -> None:
    entry = Offender(1, START, completion_id, "error", "acme", "requests", "m", skill)
    link = completion_link("https://x.test/{skill}/{id}", entry)
    path = link.removeprefix("https://x.test/")
    assert path.count("/") == 1
    assert path.isascii() and path.isprintable()
    assert not set(path) & set(" ?#&\"'<>\\")


def test_a_value_that_looks_like_a_place_in_the_template_is_not_filled() -> None:
    entry = Offender(1, START, "{account}", "error", "acme", "requests", "m", "{id}")
    assert completion_link("https://x.test/{id}/{skill}", entry) == "https://x.test/%7Baccount%7D/%7Bid%7D"


# Gauges


def test_a_budget_is_shown_in_credits_and_seconds() -> None:
    budget = BudgetState("acme", "monthly", 1000 * MICRO, 1_500_000, START, START + 3600 * SECOND, complete=True)
    snapshot = Snapshot(budgets=[budget, replace(budget, name="weekly", complete=False)])
    start = START / SECOND
    for wanted, expected in (
        (catalog.BUDGET, [1000, 1000]),
        (catalog.BUDGET_SPENT, [1.5, 1.5]),
        (catalog.BUDGET_START, [start, start]),
        (catalog.BUDGET_END, [start + 3600, start + 3600]),
        (catalog.BUDGET_COMPLETE, [1, 0]),
    ):
        assert values(snapshot, wanted) == expected
        assert [sample.labels for sample in samples(snapshot, wanted)] == [
            {"account": "acme", "budget": "monthly"},
            {"account": "acme", "budget": "weekly"},
        ]


def test_thresholds_are_shown_for_rules_to_join_with() -> None:
    snapshot = Snapshot(error_ratios={"acme": 0.01}, slow_ratios={("acme", "m", "s"): 0.2, ("acme", "a", "s"): 0.5})
    assert samples(snapshot, catalog.ERROR_BUDGET) == [Sample(catalog.ERROR_BUDGET.name, {"account": "acme"}, 0.01)]
    assert [(sample.labels["model"], sample.value) for sample in samples(snapshot, catalog.SLOW_LOW_TOKEN_RATIO)] == [
        ("a", 0.5),
        ("m", 0.2),
    ]
