"""The fields of rows, side by side."""

from __future__ import annotations

import pytest

from exporter.counting.columns import Columns
from exporter.models import Completion, Status
from tests.builders import row

FULL = Completion(
    id="full",
    created=1,
    status=Status.ERROR,
    model="m",
    skill="s",
    finished=2,
    input_tokens=3,
    output_tokens=4,
    credits=5,
    duration=6,
    time_to_first_token=7,
)


def test_columns_are_the_fields_of_the_rows_in_their_order() -> None:
    assert Columns.of([FULL, row(8, "bare", finished=9)]) == Columns(
        id=("full", "bare"),
        status=(Status.ERROR, Status.SUCCESS),
        failed=[True, False],
        model=("m", None),
        skill=("s", None),
        input_tokens=(3, None),
        output_tokens=(4, None),
        credits=(5, None),
        duration=(6, None),
        time_to_first_token=(7, None),
        ended=(2, 9),
    )


def test_a_row_that_does_not_tell_when_it_finished_ended_as_far_as_it_tells() -> None:
    rows = [FULL, row(100, duration=50), row(100), row(100, finished=300)]
    assert Columns.of(rows).ended == [2, 150, 100, 300]


def test_no_rows_have_no_columns() -> None:
    with pytest.raises(ValueError, match="unpack"):
        Columns.of([])
