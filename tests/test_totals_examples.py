"""Examples for whoever looks: the exemplars of buckets and counters, and the rows worth looking at."""

from __future__ import annotations

import pytest

from exporter.counting import layout as slots
from exporter.counting.worst import WINDOW
from exporter.models import MICRO, SECOND, Completion, Exemplar, Offender, Status
from tests.builders import LAYOUT, row
from tests.tallies import KEY, NOW, counted


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
