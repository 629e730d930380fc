"""Totals of any rows are those of a naive count, however the rows are cut into pages."""

from __future__ import annotations

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from exporter.counting.totals import QUARTER
from exporter.counting.worst import WINDOW, merge
from exporter.models import SECOND, Completion, Field, Status
from tests.builders import LAYOUT
from tests.tallies import LATE_AFTER, NOW, counted, histograms

ROW = st.builds(
    Completion,
    id=st.sampled_from(["a", "b", "c"]),
    created=st.integers(NOW - 2 * WINDOW, NOW),
    status=st.sampled_from([Status.SUCCESS, Status.ERROR]),
    model=st.sampled_from([None, "m", "n"]),
    skill=st.sampled_from([None, "s"]),
    finished=st.none() | st.integers(NOW - 2 * WINDOW, NOW),
    input_tokens=st.none() | st.integers(0, 10**6),
    output_tokens=st.none() | st.integers(0, 400),
    credits=st.none() | st.integers(0, 3_000),
    duration=st.none() | st.integers(0, 30) | st.integers(0, 30 * SECOND),
    time_to_first_token=st.none() | st.integers(0, 10),
)


def named(values: list[int]) -> dict[str, int]:
    """The integers of a series by what they count, as Prometheus shows them: buckets cumulative."""
    names = ("rows", "input_rows", "input", "output_rows", "output", "credit_rows", "credits", "low", "slow")
    found = dict(zip(names, values, strict=False))
    measures = ("duration", "time_to_first_token", "output_tokens", "credits")
    for measure, histogram in zip(measures, histograms(), strict=True):
        found[f"{measure} sum"] = values[histogram.sum]
        running = 0
        for bound, count in zip((*histogram.bounds, "inf"), values[histogram.buckets], strict=True):
            running += count
            found[f"{measure} le {bound}"] = running
    return found


def naive(rows: list[Completion]) -> dict[tuple[str, ...], Counter[str]]:
    series: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for each in rows:
        late = "true" if NOW - each.event_time > LATE_AFTER else "false"
        labels = ("default", "completions", each.model or "unknown", each.skill or "none", each.status, late)
        found = series[labels]
        found["rows"] += 1
        for name, value in (("input", each.input_tokens), ("output", each.output_tokens), ("credit", each.credits)):
            if value is not None:
                found[f"{name}_rows"] += 1
                found["credits" if name == "credit" else name] += value
        measures = ("duration", "time_to_first_token", "output_tokens", "credits")
        for measure, histogram in zip(measures, histograms(), strict=True):
            value = getattr(each, measure)
            if value is not None:
                found[f"{measure} sum"] += value
                found[f"{measure} le inf"] += 1
                for bound in histogram.bounds:
                    found[f"{measure} le {bound}"] += value <= bound
        if each.status is Status.SUCCESS and each.output_tokens is not None and each.output_tokens <= 128:
            found["low"] += 1
            found["slow"] += each.duration is not None and each.duration > 10 * SECOND
    return series


@given(st.lists(ROW, max_size=40))
def test_totals_are_those_of_a_naive_count(rows: list[Completion]) -> None:
    delta = counted(*rows)
    expected = naive(rows)
    assert delta.series.keys() == expected.keys()
    for key, values in delta.series.items():
        assert Counter(named(values)) == expected[key]
    spend: Counter[int] = Counter()
    for each in rows:
        spend[each.event_time // QUARTER] += each.credits or 0
    assert delta.spend == spend
    for field in (Field.MODEL, Field.INPUT_TOKENS, Field.OUTPUT_TOKENS, Field.CREDITS, Field.DURATION):
        assert delta.missing[field] == sum(getattr(each, field.value) is None for each in rows)


@given(st.lists(ROW, max_size=30), st.integers(0, 30))
def test_rows_add_up_the_same_in_one_page_or_in_two(rows: list[Completion], cut: int) -> None:
    whole, first, second = counted(*rows), counted(*rows[:cut]), counted(*rows[cut:])
    for key, values in whole.series.items():
        halves = [part.series.get(key, [0] * LAYOUT.size) for part in (first, second)]
        assert values == [sum(pair) for pair in zip(*halves, strict=True)]
    assert whole.spend == first.spend + second.spend
    assert whole.missing == first.missing + second.missing
    assert merge((), whole.offenders, NOW) == merge((), first.offenders + second.offenders, NOW)
    assert whole.exemplars == second.exemplars | first.exemplars
