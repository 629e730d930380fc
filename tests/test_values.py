from __future__ import annotations

import json
import math
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.values import MAX_LABEL, BadValueError, converter, describe, label_value
from exporter.models import SECOND, Field, RejectReason, Status

STATUSES = {"completed": Status.SUCCESS, " Failed": Status.ERROR, "RUNNING": Status.PENDING}

# 2025-05-19T12:34:56Z
MOMENT = 1_747_658_096 * SECOND

DAY = 86_400 * SECOND

# Would turn a terminal red.
ESCAPED = "\x1b[31mred"


def convert(field: Field, value: Any, path: str = "value") -> Any:
    return converter(field, path, STATUSES, 16)(value)


def refuse(field: Field, value: Any, path: str = "value") -> tuple[RejectReason, str]:
    with pytest.raises(BadValueError) as caught:
        convert(field, value, path)
    return caught.value.reason, str(caught.value)


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


@pytest.mark.parametrize("field", [Field.CREATED, Field.FINISHED])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-05-19T12:34:56Z", MOMENT),
        ("2025-05-19T12:34:56+00:00", MOMENT),
        ("2025-05-19T14:34:56+02:00", MOMENT),
        ("2025-05-19T07:04:56-0530", MOMENT),
        ("2025-05-19T12:34:56", MOMENT),
        ("2025-05-19 12:34:56", MOMENT),
        ("2025-05-19 12:34:56Z", MOMENT),
        ("2025-05-19T12:34Z", MOMENT - 56 * SECOND),
        ("2025-05-19T12:34:56.1Z", MOMENT + 100_000),
        ("2025-05-19T12:34:56.123Z", MOMENT + 123_000),
        ("2025-05-19T12:34:56.123456Z", MOMENT + 123_456),
        ("2025-05-19T12:34:56.123456", MOMENT + 123_456),
        ("2025-05-19T12:34:56.1234569Z", MOMENT + 123_456),
        ("2025-05-19T12:34:56.999999999Z", MOMENT + 999_999),
        ("2024-02-29T00:00:00Z", 1_709_164_800 * SECOND),
        ("2015-01-01T00:00:00Z", 1_420_070_400 * SECOND),
        ("2099-12-31T23:59:59.999999Z", 4_102_444_800 * SECOND - 1),
        (1_747_658_096, MOMENT),
        (1_747_658_096.0, MOMENT),
        (1_747_658_096.123456, MOMENT + 123_456),
        (1_747_658_096.9999996, MOMENT + SECOND),
        (1_747_658_096_123, MOMENT + 123_000),
        (1_747_658_096_123.456, MOMENT + 123_456),
        (1_747_658_096_123_456, MOMENT + 123_456),
        (1_420_070_400, 1_420_070_400 * SECOND),
        (4_102_444_799, 4_102_444_799 * SECOND),
    ],
)
def test_timestamp_becomes_microseconds(field: Field, value: Any, expected: int) -> None:
    assert convert(field, value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "2014-12-31T23:59:59.999999Z",
        "2015-01-01T00:00:00+00:01",
        "2100-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        0,
        -1,
        -1_747_658_096,
        -0.0,
        5e-324,
        1_420_070_399,
        4_102_444_800,
        10**17,
        10**400,
        -(10**400),
        1e300,
        math.inf,
        -math.inf,
        math.nan,
    ],
)
def test_timestamp_out_of_range_is_refused(value: Any) -> None:
    reason, message = refuse(Field.CREATED, value)
    assert reason is RejectReason.BAD_TIMESTAMP
    assert message.endswith(" is not between 2015 and 2099")
    assert len(message) < 80


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", "a text of 0 characters"),
        ("2025-05-19", '"2025-05-19"'),
        ("2025-05-19T", '"2025-05-19T"'),
        ("2025-13-19T12:34:56Z", '"2025-13-19T12:34:56Z"'),
        ("2025-05-19T12:34:60Z", '"2025-05-19T12:34:60Z"'),
        ("2025-05-19T25:00:00Z", '"2025-05-19T25:00:00Z"'),
        ("2025-05-19T12:34:56+24:00", '"2025-05-19T12:34:56+24:00"'),
        ("2025-05-19/12:34:56", '"2025-05-19/12:34:56"'),
        ("20250519T123456Z", '"20250519T123456Z"'),
        ("12:34:56", '"12:34:56"'),
        (" 2025-05-19T12:34:56Z", '" 2025-05-19T12:34:56Z"'),
        ("1747658096", '"1747658096"'),
        ("1747658096.1234567", '"1747658096.1234567"'),
        ("Mon, 19 May 2025 12:34:56 GMT", "a text of 29 characters"),
        ("2025-05-19T12:34:56Z\n", "a text of 21 characters"),
        ("2025-05-19\ud80012:34:56", "a text of 19 characters"),
        ("Please summarise my medical record", "a text of 34 characters"),
        ("1" * 10_000, "a text of 10000 characters"),
    ],
)
def test_text_that_is_no_date_and_time_is_refused_unread(value: str, shown: str) -> None:
    expected = (RejectReason.BAD_TIMESTAMP, f"{shown} is not an ISO 8601 date and time")
    assert refuse(Field.CREATED, value) == expected


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("created_at_ms", 1_747_658_096_000),
        ("created_millis", 1_747_658_096_000),
        ("times.created_seconds", 1_747_658_096),
        ("created_us", MOMENT),
        ("created_micros", MOMENT),
        ("times.ms", 1_747_658_096_000),
        ("CREATED_MS", 1_747_658_096_000),
        ("created_at_ms", "2025-05-19T12:34:56Z"),
    ],
)
def test_unit_in_the_name_of_a_timestamp_wins_over_its_size(path: str, value: Any) -> None:
    assert convert(Field.CREATED, value, path) == MOMENT


def test_timestamp_in_another_unit_than_its_name_says_is_refused() -> None:
    assert refuse(Field.CREATED, 1_747_658_096, "created_ms")[0] is RejectReason.BAD_TIMESTAMP
    assert refuse(Field.CREATED, 1_747_658_096_000, "created_seconds")[0] is RejectReason.BAD_TIMESTAMP


@given(st.integers(1_420_070_400 * SECOND, 4_102_444_800 * SECOND - 1))
def test_timestamps_lose_nothing(micros: int) -> None:
    whole, fraction = divmod(micros, SECOND)
    assert convert(Field.CREATED, json.loads(f"{whole}.{fraction:06d}")) == micros
    assert convert(Field.CREATED, json.loads(f"{micros // 1000}.{micros % 1000:03d}"), "at_ms") == micros


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


@pytest.mark.parametrize("field", [Field.MODEL, Field.SKILL])
def test_label_is_text_or_nothing(field: Field) -> None:
    assert convert(field, "vlmrun-orion-1:auto") == "vlmrun-orion-1:auto"
    assert convert(field, "") is None
    assert refuse(field, 3) == (RejectReason.BAD_VALUE, "a number, not a string")
    assert refuse(field, math.nan) == (RejectReason.BAD_VALUE, "a number, not a string")


@pytest.mark.parametrize("text", ["a", "vlmrun-orion-2:pro", "document.invoice", "文書", "é ü", "a~b", "x" * MAX_LABEL])
def test_harmless_label_is_not_changed(text: str) -> None:
    assert label_value(text) == text


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ('a"} or up{', "a_} or up{~"),
        ("a\\", "a_~"),
        ("a\nb\x00\x7f", "a_b__~"),
        ("a\u202eb\u200b", "a_b_~"),
        ("\ud800", "_~"),
        ("x" * (MAX_LABEL + 1), "x" * 119 + "~"),
        ("x" * 1_000_000, "x" * 119 + "~"),
        ("a~0123abcd", "a~0123abcd~"),
    ],
)
def test_hostile_label_is_made_harmless_and_marked(text: str, start: str) -> None:
    safe = label_value(text)
    assert safe[:-8] == start
    assert len(safe) <= MAX_LABEL
    assert int(safe[-8:], 16) >= 0


@given(st.text(st.characters(), max_size=MAX_LABEL * 2))
def test_label_is_always_safe_to_embed(text: str) -> None:
    safe = label_value(text)
    assert safe.isprintable()
    assert not set(safe) & set('"\\')
    assert len(safe) <= MAX_LABEL


@given(st.lists(st.text('ab"\\\n~0', max_size=12), unique=True, max_size=50))
def test_different_labels_stay_different(texts: list[str]) -> None:
    assert len({label_value(text) for text in texts}) == len(texts)


def test_changed_label_cannot_be_forged() -> None:
    assert label_value(label_value('a"')) != label_value('a"')


@pytest.mark.parametrize("field", [Field.INPUT_TOKENS, Field.OUTPUT_TOKENS])
@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0), (1, 1), (10**9, 10**9), (12.0, 12), (0.0, 0), (-0.0, 0), (1e9, 10**9)]
)
def test_tokens_are_whole_numbers(field: Field, value: Any, expected: int) -> None:
    converted = convert(field, value)
    assert converted == expected
    assert type(converted) is int


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-5, "-5 is negative"),
        (-0.5, "-0.5 is negative"),
        (-math.inf, "-inf is negative"),
        (0.5, "0.5 is not whole"),
        (10**9 + 1, "1000000001 is above 1000000000"),
        (1e300, "1e+300 is above 1000000000"),
        (10**100, f"1{'0' * 39}… is above 1000000000"),
        (math.inf, "inf is above 1000000000"),
        (math.nan, "nan is not a number"),
        ("12", "a string, not a number"),
        ("", "a string, not a number"),
    ],
)
def test_tokens_that_are_no_count_are_refused(value: Any, message: str) -> None:
    assert refuse(Field.INPUT_TOKENS, value) == (RejectReason.BAD_VALUE, message)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (3, 3_000_000),
        (10**9, 10**15),
        (1e9, 10**15),
        (2.35, 2_350_000),
        (0.1, 100_000),
        (0.000001, 1),
        (0.0000005, 0),
        (0.0000015, 2),
        (0.0000025, 2),
        (0.0000035, 4),
        (1.0000005, 1_000_000),
        (1.0000015, 1_000_002),
        (0.00000050001, 1),
        (5e-324, 0),
        (-0.0, 0),
        (999_999_999.9999995, 10**15),
    ],
)
def test_credits_are_rounded_half_even_to_micro_credits(value: Any, expected: int) -> None:
    converted = convert(Field.CREDITS, value)
    assert converted == expected
    assert type(converted) is int


@given(st.floats(0, 10**9) | st.integers(0, 2 * 10**12).map(lambda halves: halves / 2e6))
def test_credits_are_rounded_as_the_digits_on_the_wire_are(value: float) -> None:
    exact = (Decimal(repr(value)) * 1_000_000).to_integral_value(ROUND_HALF_EVEN)
    assert convert(Field.CREDITS, value) == exact


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1, "-1 is negative"),
        (-0.001, "-0.001 is negative"),
        (10**9 + 1, "1000000001 is above 1000000000"),
        (math.inf, "inf is above 1000000000"),
        (math.nan, "nan is not a number"),
        ("0.35", "a string, not a number"),
    ],
)
def test_credits_that_are_no_amount_are_refused(value: Any, message: str) -> None:
    assert refuse(Field.CREDITS, value) == (RejectReason.BAD_VALUE, message)


@pytest.mark.parametrize("field", [Field.DURATION, Field.TIME_TO_FIRST_TOKEN])
@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("latency", 2, 2 * SECOND),
        ("latency", 0.25, 250_000),
        ("latency_seconds", 1.5, 1_500_000),
        ("latency_s", 1, SECOND),
        ("latency_secs", 1, SECOND),
        ("latency_ms", 432, 432_000),
        ("latency_ms", 0.5, 500),
        ("latency_millis", 1, 1_000),
        ("latency_milliseconds", 1, 1_000),
        ("latency_us", 7, 7),
        ("latency_micros", 7.4, 7),
        ("usage.duration_seconds", 3, 3 * SECOND),
        ("usage_ms.duration", 3, 3 * SECOND),
        ("latency.ms", 3, 3_000),
        ("items", 1, SECOND),
        ("latency", 400 * 86_400, 400 * DAY),
        ("latency_ms", 400 * 86_400_000, 400 * DAY),
    ],
)
def test_duration_has_the_unit_of_its_name(field: Field, path: str, value: Any, expected: int) -> None:
    converted = convert(field, value, path)
    assert converted == expected
    assert type(converted) is int


@pytest.mark.parametrize("value", [0, 0.0, -0.0, 1e-9])
def test_duration_of_nothing_was_not_measured(value: float) -> None:
    assert convert(Field.DURATION, value, "usage.duration_seconds") is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1, "-1 is negative"),
        (34_560_000.1, "34560000.1 is above 34560000"),
        (10**400, f"1{'0' * 39}… is above 34560000"),
        (math.inf, "inf is above 34560000"),
        (math.nan, "nan is not a number"),
        ("1.5", "a string, not a number"),
        ("PT1S", "a string, not a number"),
    ],
)
def test_duration_that_is_none_is_refused(value: Any, message: str) -> None:
    assert refuse(Field.DURATION, value) == (RejectReason.BAD_VALUE, message)


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
