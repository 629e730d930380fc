"""Examples for whoever looks: the exemplars of buckets and counters, and the rows worth looking at."""

from __future__ import annotations

import pytest

from exporter.counting import layout as slots
from exporter.counting.columns import Columns
from exporter.counting.examples import Examples, keep_latest
from exporter.counting.sheet import Sheet
from exporter.counting.worst import KEEP, WINDOW
from exporter.models import MICRO, SECOND, Completion, Exemplar, Offender, Status
from tests.builders import LAYOUT, row
from tests.tallies import KEY, NOW, counted


def examples(*rows: Completion) -> Examples:
    """What stands out among rows of two series: those of model n, and the others."""
    page = Columns.of(rows)
    sheet = Sheet(LAYOUT, [(model, None, False, False) for model in page.model])
    keys = [KEY._replace(model=model or "m") for model, *_ in sheet.rows]
    return Examples(page, sheet, keys, NOW)


# Exemplars


def test_the_first_row_of_a_bucket_the_newest_of_its_page_is_its_exemplar() -> None:
    delta = counted(
        row(NOW, "c", model="m", skill="s", duration=11),
        row(NOW, "b", model="m", skill="s", duration=9),
        row(NOW, "a", model="m", skill="s", duration=7),
    )
    bucket = LAYOUT.duration.sum + 1
    assert delta.exemplars == {
        (KEY, bucket): Exemplar("b", 9, NOW + 9),
        (KEY, bucket + 1): Exemplar("c", 11, NOW + 11),
    }


def test_every_series_has_its_own_exemplars() -> None:
    rows = [row(NOW, f"{model}{place}", model=model, finished=NOW + place) for place in (1, 2) for model in "mn"]
    found = examples(*rows)
    found.measured([25 + 3, 3, None, 25 + 3], [7, 8, None, 9])
    assert found.exemplars == {
        (KEY._replace(model="n"), 3): Exemplar("m1", 7, NOW + 1),
        (KEY, 3): Exemplar("n1", 8, NOW + 1),
    }


def test_a_row_without_a_bucket_or_without_a_value_is_no_exemplar() -> None:
    found = examples(row(NOW), row(NOW))
    found.measured([None, 3], [7, None])
    assert found.exemplars == {}


def test_the_first_error_of_each_series_is_the_exemplar_of_its_counter() -> None:
    rows = [
        row(NOW, f"{model}-{status}", model=model, skill="s", status=status, finished=NOW + 5)
        for status in (Status.SUCCESS, Status.ERROR)
        for model in "mn"
    ]
    again = row(NOW, "again", model="m", skill="s", status=Status.ERROR)
    failed = KEY._replace(status="error")
    assert counted(*rows, again).exemplars == {
        (failed, slots.COMPLETIONS): Exemplar("m-error", 1, NOW + 5),
        (failed._replace(model="n"), slots.COMPLETIONS): Exemplar("n-error", 1, NOW + 5),
    }


def test_the_first_slow_row_of_few_tokens_of_each_series_is_the_exemplar_of_its_counter() -> None:
    rows = [
        row(NOW, f"{model}{place}", model=model, skill="s", output_tokens=1, duration=(60 + place) * SECOND)
        for place in (0, 1)
        for model in "mn"
    ]
    exemplars = counted(*rows).exemplars
    for model in "mn":
        shown = exemplars[KEY._replace(model=model), slots.SLOW_LOW_TOKEN]
        assert shown == Exemplar(f"{model}0", 60 * SECOND, NOW + 60 * SECOND)


@pytest.mark.parametrize(("ended", "shown"), [(NOW - 1, "known"), (NOW, "new"), (NOW + 1, "new")])
def test_an_exemplar_is_replaced_by_one_that_ended_no_earlier(ended: int, shown: str) -> None:
    exemplars = {(KEY, 3): Exemplar("known", 1, NOW)}
    keep_latest(exemplars, {(KEY, 3): Exemplar("new", 2, ended), (KEY, 4): Exemplar("first", 3, 0)})
    assert {slot: each.completion_id for (_, slot), each in exemplars.items()} == {3: shown, 4: "first"}


# Rows worth looking at


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


def test_a_row_is_named_with_its_own_series() -> None:
    rows = [row(0, model, model=model, skill="s", credits=5, finished=NOW) for model in "mno"]
    assert {(each.completion_id, each.model, each.skill) for each in counted(*rows).offenders} == {
        (m, m, "s") for m in "mno"
    }


@pytest.mark.parametrize(("ended", "named"), [(NOW - WINDOW, 0), (NOW - WINDOW + 1, 3)])
def test_only_a_recent_row_is_worth_looking_at(ended: int, named: int) -> None:
    recent = (
        row(0, status=Status.ERROR, finished=ended),
        row(0, credits=MICRO, finished=ended),
        row(0, output_tokens=1, duration=60 * SECOND, finished=ended),
    )
    assert len(counted(*recent).offenders) == named


def test_of_rows_that_ended_at_once_only_the_worst_are_named() -> None:
    rows = [row(0, f"c{credits}", credits=credits, finished=NOW) for credits in range(1, 9)]
    assert [each.value for each in counted(*rows).offenders] == [8, 7, 6][:KEEP]
