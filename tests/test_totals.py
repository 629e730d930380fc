"""What one row adds to its series, and to the credits spent by time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from exporter.counting import layout as slots
from exporter.counting.columns import Columns
from exporter.counting.layout import COUNTERS, Histogram, Layout
from exporter.counting.totals import QUARTER, Delta
from exporter.models import Exemplar, Field, Offender, SourceKey, Status
from tests.builders import LAYOUT, row
from tests.tallies import KEY, LATE_AFTER, NOW, counted, histograms, tally, values_of

# Layout


def test_histograms_follow_the_counters_each_with_its_sum_and_one_bucket_more_than_bounds() -> None:
    layout = Layout.of(duration=(10, 20), time_to_first_token=(5,), output_length=(100, 200, 300), cost=(1_000, 2_000))
    assert layout == Layout(
        duration=Histogram(9, (10, 20)),
        time_to_first_token=Histogram(13, (5,)),
        output_length=Histogram(16, (100, 200, 300)),
        cost=Histogram(21, (1_000, 2_000)),
        size=25,
        name="10,20;5;100,200,300;1000,2000",
    )
    assert layout.duration.sum == COUNTERS
    assert layout.duration.buckets == slice(10, 13)
    assert layout.cost.buckets == slice(22, 25)


# One row


def test_a_row_is_counted_with_all_its_values() -> None:
    full = row(
        NOW - 9,
        "cmpl-1",
        model="m",
        skill="s",
        finished=NOW - 2,
        input_tokens=30,
        output_tokens=250,
        credits=1_500,
        duration=15,
        time_to_first_token=4,
    )
    expected = Delta(
        series={KEY: [1, 1, 30, 1, 250, 1, 1_500, 0, 0, 15, 0, 1, 0, 4, 1, 0, 250, 0, 0, 1, 0, 1_500, 0, 1, 0]},
        spend=Counter({(NOW - 2) // QUARTER: 1_500}),
        offenders=[Offender(1_500, NOW - 2, "cmpl-1", "credits", "default", "completions", "m", "s")],
        exemplars={
            (KEY, LAYOUT.duration.sum + 2): Exemplar("cmpl-1", 15, NOW - 2),
            (KEY, LAYOUT.cost.sum + 2): Exemplar("cmpl-1", 1_500, NOW - 2),
        },
    )
    assert counted(full) == expected


def test_what_a_row_lacks_is_left_out_and_reported_and_never_0() -> None:
    expected = Delta(
        series={KEY._replace(model="unknown", skill="none"): [1] + [0] * (LAYOUT.size - 1)},
        missing=Counter(
            {
                Field.MODEL: 1,
                Field.INPUT_TOKENS: 1,
                Field.OUTPUT_TOKENS: 1,
                Field.CREDITS: 1,
                Field.DURATION: 1,
                Field.TIME_TO_FIRST_TOKEN: 1,
            }
        ),
    )
    assert counted(row(NOW)) == expected


def test_a_0_is_a_value() -> None:
    nothing = row(NOW, model="m", input_tokens=0, output_tokens=0, credits=0, duration=0, time_to_first_token=0)
    delta = counted(nothing)
    (values,) = delta.series.values()
    assert [values[slot] for slot in (slots.INPUT_ROWS, slots.OUTPUT_ROWS, slots.CREDIT_ROWS)] == [1, 1, 1]
    assert [sum(values[histogram.buckets]) for histogram in histograms()] == [1, 1, 1, 1]
    assert (delta.missing, delta.spend, delta.offenders) == (Counter(), Counter(), [])


@pytest.mark.parametrize(("value", "bucket"), [(0, 0), (9, 0), (10, 0), (11, 1), (20, 1), (21, 2), (10**18, 2)])
def test_a_value_falls_in_the_first_bucket_whose_bound_it_does_not_exceed(value: int, bucket: int) -> None:
    expected = [value, 0, 0, 0]
    expected[1 + bucket] = 1
    assert values_of(row(NOW, duration=value))[LAYOUT.duration.sum : LAYOUT.time_to_first_token.sum] == expected


@pytest.mark.parametrize(
    ("field", "histogram"),
    [
        ("duration", LAYOUT.duration),
        ("time_to_first_token", LAYOUT.time_to_first_token),
        ("output_tokens", LAYOUT.output_length),
        ("credits", LAYOUT.cost),
    ],
)
def test_every_histogram_has_inclusive_bounds_and_its_own_slots(field: str, histogram: Histogram) -> None:
    for bucket, bound in enumerate(histogram.bounds):
        measured: tuple[dict[str, Any], ...] = ({field: bound}, {field: bound + 1})
        at, above = (values_of(row(NOW, **value))[histogram.buckets] for value in measured)
        assert (at.index(1), above.index(1), sum(at), sum(above)) == (bucket, bucket + 1, 1, 1)


def test_integers_are_exact_beyond_what_a_float_holds() -> None:
    delta = counted(row(NOW, model="m", skill="s", credits=2**60), row(NOW, model="m", skill="s", credits=1))
    assert delta.series[KEY][slots.CREDITS] == delta.series[KEY][LAYOUT.cost.sum] == 2**60 + 1
    assert delta.spend == {NOW // QUARTER: 2**60 + 1}


def test_series_are_told_apart_by_every_label() -> None:
    rows = [
        row(created, model=model, skill=skill, status=status)
        for model in ("m", "n")
        for skill in ("s", "t")
        for status in (Status.SUCCESS, Status.ERROR)
        for created in (NOW, NOW - LATE_AFTER - 1)
    ]
    delta = counted(*rows)
    tally(source=SourceKey("other", "requests")).count(delta, Columns.of(rows[:1]), NOW)
    assert [values[slots.COMPLETIONS] for values in delta.series.values()] == [1] * 17
    assert {key[:2] for key in delta.series} == {("default", "completions"), ("other", "requests")}


def test_what_is_counted_after_other_rows_of_a_page_is_added_to_them() -> None:
    early, late = (row(NOW, id, model="m", skill="s", credits=credits) for id, credits in (("a", 5), ("b", 7)))
    both, delta, adding = counted(early, late), Delta(), tally()
    for each in (early, late):
        adding.count(delta, Columns.of([each]), NOW)
    assert (delta.series, delta.spend, delta.missing) == (both.series, both.spend, both.missing)
    assert [each.completion_id for each in delta.offenders] == ["a", "b"]
    assert delta.exemplars == {(KEY, LAYOUT.cost.sum + 1): Exemplar("b", 7, NOW)}
    adding.count(delta, Columns.of([row(NOW, model="m", skill="s", duration=5)]), NOW)
    assert delta.exemplars.keys() == {(KEY, LAYOUT.cost.sum + 1), (KEY, LAYOUT.duration.sum + 1)}


# Credits by time


def test_credits_are_spent_in_the_quarter_of_an_hour_in_which_the_work_ended() -> None:
    delta = Delta()
    for ended, credits in ((QUARTER, 1), (2 * QUARTER - 1, 2), (2 * QUARTER, 4)):
        tally().spend(delta, row(0, finished=ended, credits=credits))
    assert delta == Delta(spend=Counter({1: 3, 2: 4}))


@pytest.mark.parametrize("credits", [None, 0])
def test_nothing_is_spent_without_credits(credits: int | None) -> None:
    delta = Delta()
    tally().spend(delta, row(NOW, credits=credits))
    assert delta == Delta()
    for rows in ([row(NOW, credits=credits)], [row(NOW, credits=credits), row(NOW + QUARTER, credits=credits)]):
        assert not counted(*rows).spend, "not even 0"


def test_errors_cost_credits_too() -> None:
    assert counted(row(NOW, status=Status.ERROR, credits=7)).spend == {NOW // QUARTER: 7}
