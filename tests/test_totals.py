from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.counting import layout as slots
from exporter.counting.labels import LabelCaps
from exporter.counting.layout import COUNTERS, Histogram, Layout
from exporter.counting.totals import QUARTER, Delta, Recount, Tally, siblings
from exporter.counting.worst import WINDOW
from exporter.models import (
    MICRO,
    SECOND,
    Completion,
    Exemplar,
    Field,
    Offender,
    SeriesKey,
    SlowLowToken,
    SlowLowTokenOverride,
    SlowLowTokenRules,
    SourceKey,
    Status,
)
from tests.builders import LAYOUT, row

SOURCE = SourceKey("default", "completions")
NOW = 10_000 * SECOND
LATE_AFTER = 600 * SECOND
RULE = SlowLowToken(max_output_tokens=128, min_duration=10 * SECOND, alert_ratio=0.2)


def tally(rules: SlowLowTokenRules | None = None, caps: LabelCaps | None = None, source: SourceKey = SOURCE) -> Tally:
    return Tally(
        source,
        layout=LAYOUT,
        rules=rules or SlowLowTokenRules(RULE),
        caps=caps or LabelCaps(50, 50),
        late_after=LATE_AFTER,
    )


def counted(*rows: Completion, rules: SlowLowTokenRules | None = None, caps: LabelCaps | None = None) -> Delta:
    delta, adding = Delta(), tally(rules, caps)
    for each in rows:
        adding.count(delta, each, NOW)
    return delta


def values_of(each: Completion) -> list[int]:
    """The integers of the one series that a row adds to."""
    (values,) = counted(each).series.values()
    return values


def key_of(each: Completion) -> SeriesKey:
    (key,) = counted(each).series
    return key


KEY = SeriesKey("default", "completions", "m", "s", "success", "false")


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
    tally(source=SourceKey("other", "requests")).count(delta, rows[0], NOW)
    assert [values[slots.COMPLETIONS] for values in delta.series.values()] == [1] * 17
    assert {key[:2] for key in delta.series} == {("default", "completions"), ("other", "requests")}


# Late rows


@pytest.mark.parametrize(("ended", "late"), [(NOW - LATE_AFTER, "false"), (NOW - LATE_AFTER - 1, "true")])
def test_a_row_is_late_if_it_ended_longer_ago_than_allowed(ended: int, late: str) -> None:
    assert key_of(row(0, finished=ended)).late == late


@pytest.mark.parametrize(
    ("each", "ended"),
    [
        (row(100, finished=300, duration=50), 300),
        (row(100, duration=50), 150),
        (row(100), 100),
    ],
    ids=["its finish", "its creation and duration", "its creation"],
)
def test_a_row_ended_as_far_as_it_tells_at(each: Completion, ended: int) -> None:
    assert each.event_time == ended


# Labels


COPIED, NOTICED = NOW - 100 * LATE_AFTER, NOW - 10 * LATE_AFTER


@pytest.mark.parametrize(
    ("ended", "late"),
    [
        pytest.param(COPIED - LATE_AFTER - 1, "true", id="late already when the copy was made"),
        pytest.param(COPIED - LATE_AFTER, "false", id="just not late when the copy was made"),
        pytest.param(COPIED + 1, "false", id="counted at once after the copy was made"),
        pytest.param(NOTICED, "false", id="the last one that was counted before"),
        pytest.param(NOTICED + 1, "true", id="not counted before, and late now"),
        pytest.param(NOW - LATE_AFTER, "false", id="not counted before, and not late"),
    ],
)
def test_a_row_counted_again_from_a_restored_copy_is_late_if_it_was_late_the_first_time(ended: int, late: str) -> None:
    delta, adding = Delta(), tally()
    adding.recount = Recount(since=COPIED, until=NOTICED)
    adding.count(delta, row(ended), NOW)
    assert [key.late for key in delta.series] == [late]


def test_names_beyond_the_caps_are_other_and_reported() -> None:
    delta = counted(
        row(NOW, model="m", skill="s"), row(NOW, model="n", skill="t"), row(NOW, model="m"), caps=LabelCaps(1, 1)
    )
    assert {(key.model, key.skill): values[slots.COMPLETIONS] for key, values in delta.series.items()} == {
        ("m", "s"): 1,
        ("other", "other"): 1,
        ("m", "none"): 1,
    }
    assert delta.overflow == {"model": 1, "skill": 1}


def test_every_row_whose_name_is_beyond_the_caps_is_reported() -> None:
    rows = [row(NOW, model=model, skill=f"of {model}") for model in ("m", "n", "o", "n")]
    assert counted(*rows, caps=LabelCaps(1, 1)).overflow == {"model": 3, "skill": 3}


def test_each_account_fills_its_own_caps() -> None:
    caps = LabelCaps(1, 1)
    for account, name in (("a", "m"), ("b", "n")):
        delta = Delta()
        tally(caps=caps, source=SourceKey(account, "completions")).count(delta, row(NOW, model=name, skill=name), NOW)
        assert [key[:4] for key in delta.series] == [(account, "completions", name, name)]
        assert not delta.overflow


def test_a_missing_skill_is_nothing_to_report() -> None:
    delta = counted(row(NOW, model="m"))
    assert [key.skill for key in delta.series] == ["none"]
    assert not delta.missing.keys() & {Field.MODEL, Field.SKILL}


def test_a_series_is_born_with_its_siblings_of_the_other_status_and_lateness() -> None:
    assert siblings(KEY._replace(status="error", late="true")) == (
        KEY,
        KEY._replace(late="true"),
        KEY._replace(status="error"),
        KEY._replace(status="error", late="true"),
    )


# Low and slow


@pytest.mark.parametrize(
    ("tokens", "duration", "status", "low", "slow"),
    [
        pytest.param(128, 10 * SECOND + 1, Status.SUCCESS, 1, 1, id="just low, just slow"),
        pytest.param(129, 10 * SECOND + 1, Status.SUCCESS, 0, 0, id="a token too many"),
        pytest.param(128, 10 * SECOND, Status.SUCCESS, 1, 0, id="just not slow"),
        pytest.param(128, None, Status.SUCCESS, 1, 0, id="of unknown duration"),
        pytest.param(None, 60 * SECOND, Status.SUCCESS, 0, 0, id="of unknown length"),
        pytest.param(0, 60 * SECOND, Status.SUCCESS, 1, 1, id="without a token"),
        pytest.param(0, 60 * SECOND, Status.ERROR, 0, 0, id="an error"),
    ],
)
def test_successes_with_few_tokens_are_low_and_of_those_the_long_ones_slow(
    tokens: int | None, duration: int | None, status: Status, low: int, slow: int
) -> None:
    values = values_of(row(NOW, status=status, output_tokens=tokens, duration=duration))
    assert (values[slots.LOW_TOKEN], values[slots.SLOW_LOW_TOKEN]) == (low, slow)


def test_slow_and_low_rows_add_up() -> None:
    (values,) = counted(*[row(NOW, output_tokens=1, duration=60 * SECOND)] * 3).series.values()
    assert (values[slots.LOW_TOKEN], values[slots.SLOW_LOW_TOKEN]) == (3, 3)


STRICT = SlowLowToken(max_output_tokens=1, min_duration=1, alert_ratio=0.5)
LAX = SlowLowToken(max_output_tokens=999, min_duration=999 * SECOND, alert_ratio=0.9)


@pytest.mark.parametrize(
    ("overrides", "rule"),
    [
        ((), RULE),
        ((("m", "s", STRICT),), STRICT),
        ((("m", "*", STRICT),), STRICT),
        ((("*", "s", STRICT),), STRICT),
        ((("*", "*", STRICT),), STRICT),
        ((("n", "s", STRICT),), RULE),
        ((("m", "t", STRICT),), RULE),
        ((("n", "*", LAX), ("m", "*", STRICT), ("m", "s", LAX)), STRICT),
    ],
    ids=lambda value: ",".join(f"{model}/{skill}" for model, skill, _ in value) if isinstance(value, tuple) else "",
)
def test_the_first_override_that_matches_model_and_skill_is_the_rule(
    overrides: tuple[tuple[str, str, SlowLowToken], ...], rule: SlowLowToken
) -> None:
    rules = SlowLowTokenRules(RULE, tuple(SlowLowTokenOverride(*override) for override in overrides))
    assert rules.resolve("m", "s") == rule


def test_a_row_is_slow_and_low_by_the_rule_of_its_model_and_skill() -> None:
    rules = SlowLowTokenRules(RULE, (SlowLowTokenOverride("m", "s", STRICT), SlowLowTokenOverride("n", "*", LAX)))
    rows = [row(NOW, model=model, skill="s", output_tokens=100, duration=60 * SECOND) for model in ("m", "n", "o")]
    delta = counted(*rows, rules=rules)
    low_and_slow = {
        key.model: (values[slots.LOW_TOKEN], values[slots.SLOW_LOW_TOKEN]) for key, values in delta.series.items()
    }
    assert low_and_slow == {"m": (0, 0), "n": (1, 0), "o": (1, 1)}


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


def test_errors_cost_credits_too() -> None:
    assert counted(row(NOW, status=Status.ERROR, credits=7)).spend == {NOW // QUARTER: 7}


# Examples for whoever looks


def test_the_latest_row_of_a_bucket_is_its_exemplar() -> None:
    delta = counted(
        row(NOW, "a", model="m", skill="s", duration=7),
        row(NOW, "b", model="m", skill="s", duration=9),
        row(NOW, "c", model="m", skill="s", duration=11),
    )
    bucket = LAYOUT.duration.sum + 1
    assert delta.exemplars == {
        (KEY, bucket): Exemplar("b", 9, NOW + 9),
        (KEY, bucket + 1): Exemplar("c", 11, NOW + 11),
    }


def test_an_error_is_the_exemplar_of_its_counter() -> None:
    failed = KEY._replace(status="error")
    delta = counted(row(NOW, "a", model="m", skill="s", status=Status.ERROR))
    assert delta.exemplars == {(failed, slots.COMPLETIONS): Exemplar("a", 1, NOW)}


def test_a_slow_row_of_few_tokens_is_the_exemplar_of_its_counter() -> None:
    slow = row(NOW, "a", model="m", skill="s", output_tokens=1, duration=60 * SECOND)
    assert counted(slow).exemplars[KEY, slots.SLOW_LOW_TOKEN] == Exemplar("a", 60 * SECOND, NOW + 60 * SECOND)


@pytest.mark.parametrize(
    ("each", "reason", "value"),
    [
        pytest.param(row(0, "a", status=Status.ERROR, finished=NOW), "error", NOW, id="an error, by its time"),
        pytest.param(row(0, "a", credits=5, finished=NOW), "credits", 5, id="a costly row"),
        pytest.param(
            row(0, "a", output_tokens=1, duration=60 * SECOND, finished=NOW),
            "slow_low_token",
            60 * SECOND,
            id="a slow row of few tokens",
        ),
    ],
)
def test_a_row_worth_looking_at_is_named(each: Completion, reason: str, value: int) -> None:
    offender = Offender(value, NOW, "a", reason, "default", "completions", "unknown", "none")
    assert counted(each).offenders == [offender]


@pytest.mark.parametrize(("ended", "named"), [(NOW - WINDOW, 0), (NOW - WINDOW + 1, 3)])
def test_only_a_recent_row_is_worth_looking_at(ended: int, named: int) -> None:
    recent = (
        row(0, status=Status.ERROR, finished=ended),
        row(0, credits=MICRO, finished=ended),
        row(0, output_tokens=1, duration=60 * SECOND, finished=ended),
    )
    assert len(counted(*recent).offenders) == named


# Against a naive count

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


def histograms() -> tuple[Histogram, ...]:
    return LAYOUT.duration, LAYOUT.time_to_first_token, LAYOUT.output_length, LAYOUT.cost


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
    assert whole.offenders == first.offenders + second.offenders
    assert whole.exemplars == first.exemplars | second.exemplars
