"""Values of any field: nulls, wrong types, ids and statuses."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.values import BadValueError, describe, label_value
from exporter.models import Field, RejectReason, Status
from tests.conversions import convert, refuse

# Would turn a terminal red.
ESCAPED = "\x1b[31mred"


@pytest.mark.parametrize("field", list(Field))
def test_null_is_no_value(field: Field) -> None:
    assert convert(field, None) is None


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (Field.ID, RejectReason.NO_ID),
        (Field.CREATED, RejectReason.BAD_TIMESTAMP),
        (Field.FINISHED, RejectReason.BAD_TIMESTAMP),
        (Field.STATUS, RejectReason.UNKNOWN_STATUS),
        (Field.MODEL, RejectReason.BAD_VALUE),
        (Field.SKILL, RejectReason.BAD_VALUE),
        (Field.INPUT_TOKENS, RejectReason.BAD_VALUE),
        (Field.OUTPUT_TOKENS, RejectReason.BAD_VALUE),
        (Field.CREDITS, RejectReason.BAD_VALUE),
        (Field.DURATION, RejectReason.BAD_VALUE),
        (Field.TIME_TO_FIRST_TOKEN, RejectReason.BAD_VALUE),
    ],
)
@pytest.mark.parametrize(
    ("value", "kind"), [(True, "a boolean"), (False, "a boolean"), ([], "a list"), ([1], "a list"), ({}, "an object")]
)
def test_wrong_type_is_refused_by_its_name(field: Field, reason: RejectReason, value: Any, kind: str) -> None:
    refused, message = refuse(field, value)
    assert refused is reason
    assert message.startswith(f"{kind}, not ")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", "a"),
        ("chatcmpl-1", "chatcmpl-1"),
        (' "\\\x00\n', ' "\\\x00\n'),
        ("é€😀", "é€😀"),
        ("x" * 16, "x" * 16),
        (0, "0"),
        (-7, "-7"),
        (1234567890123456, "1234567890123456"),
        ("", None),
    ],
)
def test_id_is_kept_as_it_stands(value: Any, expected: str | None) -> None:
    assert convert(Field.ID, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x" * 17, (RejectReason.BAD_VALUE, "17 characters, at most 16 are allowed")),
        (10**16, (RejectReason.BAD_VALUE, "17 characters, at most 16 are allowed")),
        ("a\ud800", (RejectReason.BAD_VALUE, "not valid Unicode")),
        (1.0, (RejectReason.NO_ID, "a number, not a string")),
        (math.nan, (RejectReason.NO_ID, "a number, not a string")),
    ],
)
def test_id_that_cannot_identify_is_refused(value: Any, expected: tuple[RejectReason, str]) -> None:
    assert refuse(Field.ID, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("completed", Status.SUCCESS),
        ("COMPLETED", Status.SUCCESS),
        (" Completed\n", Status.SUCCESS),
        ("failed", Status.ERROR),
        ("running", Status.PENDING),
        ("", None),
        ("  ", None),
    ],
)
def test_status_is_looked_up_whatever_its_spelling(value: str, expected: Status | None) -> None:
    assert convert(Field.STATUS, value) is expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("exploded", '"exploded" is not listed under the source\'s `status`'),
        (ESCAPED, f'"{label_value(ESCAPED)}" is not listed under the source\'s `status`'),
        ("x" * 100_000, f'"{"x" * 40}" is not listed under the source\'s `status`'),
        (200, "a number, not a string"),
        (math.nan, "a number, not a string"),
    ],
)
def test_unknown_status_is_named(value: Any, message: str) -> None:
    assert refuse(Field.STATUS, value) == (RejectReason.UNKNOWN_STATUS, message)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, "null"), (True, "a boolean"), (1, "a number"), (1.5, "a number"), ("a", "a string"), ([], "a list")],
)
def test_describe_names_the_type_only(value: object, kind: str) -> None:
    assert describe(value) == kind


@given(
    st.sampled_from(Field),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    ),
)
def test_any_value_is_converted_or_refused(field: Field, value: Any) -> None:
    try:
        result = convert(field, value)
    except BadValueError as bad:
        result = f"refused: {bad}"
    assert result is None or type(result) in (int, str, Status)
