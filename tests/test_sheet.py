"""How rows are added up by group, value by value."""

from __future__ import annotations

import pytest

from exporter.counting import layout as slots
from exporter.counting.columns import Amounts, Group
from exporter.counting.sheet import Sheet
from tests.builders import LAYOUT

M: Group = ("m", "s", False, False)
N: Group = ("n", None, True, False)


def counted(sheet: Sheet) -> list[dict[int, int]]:
    """What is counted in each group, by slot, but for its completions and for zeros."""
    return [
        {slot: value for slot, value in enumerate(values) if value and slot != slots.COMPLETIONS}
        for values in sheet.series()
    ]


def test_groups_are_numbered_as_they_first_appear_and_their_rows_counted() -> None:
    sheet = Sheet(LAYOUT, [N, M, N])
    assert list(sheet.rows.items()) == [(N, 2), (M, 1)]
    assert sheet.group_of == [0, 1, 0]
    nothing = [0] * (LAYOUT.size - 1)
    assert sheet.series() == [[2, *nothing], [1, *nothing]]


def test_no_rows_have_no_group() -> None:
    assert Sheet(LAYOUT, []).series() == []


def test_a_total_is_how_many_rows_have_a_value_and_their_sum_in_each_group() -> None:
    sheet = Sheet(LAYOUT, [N, M, N, M, N])
    sheet.total(slots.INPUT_ROWS, slots.INPUT_TOKENS, [1, 10, None, 0, 4])
    assert counted(sheet) == [
        {slots.INPUT_ROWS: 2, slots.INPUT_TOKENS: 5},
        {slots.INPUT_ROWS: 2, slots.INPUT_TOKENS: 10},
    ]


def test_a_value_is_observed_in_its_bucket_whose_place_is_returned() -> None:
    sheet = Sheet(LAYOUT, [N, M, N, M, M])
    cells = sheet.observe(LAYOUT.duration, [10, 11, None, 0, 12])
    first, second, *_ = range(LAYOUT.size)[LAYOUT.duration.buckets]
    assert counted(sheet) == [
        {LAYOUT.duration.sum: 10, first: 1},
        {LAYOUT.duration.sum: 23, first: 1, second: 2},
    ]
    assert [None if cell is None else sheet.place(cell) for cell in cells] == [
        (0, first),
        (1, second),
        None,
        (1, first),
        (1, second),
    ]


@pytest.mark.parametrize("values", [[1], [1, 2, 3]], ids=["too few", "too many"])
def test_values_of_other_rows_are_not_counted(values: Amounts) -> None:
    sheet = Sheet(LAYOUT, [M, N])
    with pytest.raises(ValueError, match="zip"):
        sheet.total(slots.INPUT_ROWS, slots.INPUT_TOKENS, values)
    with pytest.raises(ValueError, match="zip"):
        sheet.observe(LAYOUT.duration, values)


def test_a_row_is_counted_in_a_slot_of_its_group() -> None:
    sheet = Sheet(LAYOUT, [N, M, N])
    for row in (1, 2, 2):
        sheet.increment(row, slots.LOW_TOKEN)
    assert counted(sheet) == [{slots.LOW_TOKEN: 2}, {slots.LOW_TOKEN: 1}]


def test_the_place_of_a_slot_is_that_of_its_group() -> None:
    sheet = Sheet(LAYOUT, [N, M, N])
    places = [sheet.place(cell) for cell in sheet.cells(slots.SLOW_LOW_TOKEN, [1, 2])]
    assert places == [(1, slots.SLOW_LOW_TOKEN), (0, slots.SLOW_LOW_TOKEN)]


def test_output_tokens_and_credits_are_what_their_histograms_have_counted() -> None:
    sheet = Sheet(LAYOUT, [M, M])
    sheet.observe(LAYOUT.output_length, [300, 301])
    sheet.observe(LAYOUT.cost, [None, 1_000])
    assert counted(sheet) == [
        {
            slots.OUTPUT_ROWS: 2,
            slots.OUTPUT_TOKENS: 601,
            slots.CREDIT_ROWS: 1,
            slots.CREDITS: 1_000,
            LAYOUT.output_length.sum: 601,
            LAYOUT.output_length.buckets.stop - 2: 1,
            LAYOUT.output_length.buckets.stop - 1: 1,
            LAYOUT.cost.sum: 1_000,
            LAYOUT.cost.buckets.start: 1,
        }
    ]
