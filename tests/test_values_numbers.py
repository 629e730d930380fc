"""Tokens are whole numbers, and credits are rounded to micro-credits."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.models import Field, RejectReason
from tests.conversions import convert, refuse


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
