"""Timestamps and durations, in whatever unit, become microseconds."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.models import SECOND, Field, RejectReason
from tests.conversions import convert, refuse

# 2025-05-19T12:34:56Z
MOMENT = 1_747_658_096 * SECOND

DAY = 86_400 * SECOND


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
