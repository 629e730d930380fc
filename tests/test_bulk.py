"""Whole columns come to what their values come to one by one, or are left to be converted that way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.bulk import bulk_converter, convert
from exporter.api.values import MAX_LABEL, BadValueError, converter
from exporter.models import Field, Status

STATUSES = {"success": Status.SUCCESS, "done": Status.SUCCESS, "failed": Status.ERROR, "running": Status.PENDING}
MAX_ID = 20

FIRST, LAST = datetime.fromisoformat("2015-01-01"), datetime.fromisoformat("2099-12-31")
MOMENT = st.datetimes(FIRST - timedelta(days=1), LAST + timedelta(days=2))
ZULU = MOMENT.map(lambda moment: f"{moment.isoformat()}Z")
TEXT = st.text(max_size=MAX_ID + 2) | st.text('abc-é\ud800"\\~ \n', max_size=6)
NUMBER = st.integers(-5, 5 * 10**15) | st.floats(width=32) | st.integers(1_400_000_000, 4_200_000_000)

ORDINARY: dict[Field, st.SearchStrategy[Any]] = {
    Field.ID: st.text("abcdef0123456789-", min_size=1, max_size=MAX_ID),
    Field.CREATED: st.integers(1_420_070_400, 4_102_444_799),
    Field.FINISHED: st.datetimes(FIRST, LAST).map(lambda each: f"{each.isoformat()}Z"),
    Field.STATUS: st.sampled_from(list(STATUSES)),
    Field.MODEL: st.text(min_size=1, max_size=MAX_LABEL),
    Field.SKILL: st.sampled_from(["invoice", "receipt", 'a "quoted" one', "x" * MAX_LABEL]),
}
"""What the values of a field look like in a list that is in order."""

ODD = st.one_of(
    st.none(),
    st.booleans(),
    NUMBER,
    TEXT,
    ZULU,
    MOMENT.map(datetime.isoformat),
    MOMENT.map(lambda moment: moment.date().isoformat()),
    st.lists(st.integers(), max_size=1),
    st.dictionaries(st.text(max_size=1), st.integers(), max_size=1),
)

fields = pytest.mark.parametrize("field", list(ORDINARY), ids=str)
paths = st.sampled_from(["x", "x_ms", "x_us", "x_seconds"])


@fields
@given(st.data())
def test_a_column_comes_to_what_its_values_come_to(field: Field, data: st.DataObject) -> None:
    path = data.draw(paths)
    column = data.draw(st.lists(ORDINARY[field] | st.none(), min_size=1) | st.lists(ODD, min_size=1, max_size=4))
    bulk = bulk_converter(field, path, STATUSES, MAX_ID)
    assert bulk is not None
    converted = convert(bulk, column)
    if converted is not None:
        one = converter(field, path, STATUSES, MAX_ID)
        assert list(converted) == [one(value) for value in column]


@fields
@given(st.data())
def test_what_is_in_order_is_converted_at_once(field: Field, data: st.DataObject) -> None:
    column = data.draw(st.lists(ORDINARY[field] | st.none(), min_size=1))
    bulk = bulk_converter(field, "x_seconds", STATUSES, MAX_ID)
    assert bulk is not None
    assert convert(bulk, column) is not None


@fields
@given(st.data())
def test_what_is_rejected_one_by_one_is_not_converted_at_once(field: Field, data: st.DataObject) -> None:
    column = [data.draw(ORDINARY[field]), data.draw(ODD)]
    bulk, one = bulk_converter(field, "x", STATUSES, MAX_ID), converter(field, "x", STATUSES, MAX_ID)
    assert bulk is not None
    try:
        expected = list(map(one, column))
    except BadValueError:
        assert convert(bulk, column) is None
    else:
        assert convert(bulk, column) in (None, expected)


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00Z", "2026-01-01T05:30:00+05:30", "2025-12-31 19:00-05:00"])
def test_times_with_any_offset_are_instants(text: str) -> None:
    bulk = bulk_converter(Field.CREATED, "created_at", STATUSES, MAX_ID)
    assert bulk is not None
    expected = (datetime(2026, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert convert(bulk, [text]) == [expected]


@pytest.mark.parametrize("field", [Field.MODEL, Field.SKILL])
def test_long_texts_are_not_remembered(field: Field) -> None:
    """They may be prompts, and of any size."""
    bulk = bulk_converter(field, "x", STATUSES, MAX_ID)
    assert bulk is not None
    assert convert(bulk, ["short", "x" * (MAX_LABEL + 1)]) is None


@pytest.mark.parametrize(
    "field", [Field.INPUT_TOKENS, Field.OUTPUT_TOKENS, Field.CREDITS, Field.DURATION, Field.TIME_TO_FIRST_TOKEN]
)
def test_numbers_are_converted_one_by_one(field: Field) -> None:
    assert bulk_converter(field, "x", STATUSES, MAX_ID) is None
