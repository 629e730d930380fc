"""Numbers and families as text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics import catalog
from exporter.metrics.spelling import millionths, number, whole


@given(value=st.floats() | st.integers(0, 2**70))
def test_a_number_reads_as_the_same_float(value: float) -> None:
    assert repr(float(number(value))) == repr(float(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (3.0, "3"), (0.25, "0.25"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN")],
)
def test_whole_numbers_are_digits_alone_and_the_others_as_the_formats_want_them(value: float, text: str) -> None:
    assert number(value) == text


@given(value=st.integers(0, 2**80))
def test_millionths_read_as_the_float_nearest_to_their_quotient(value: int) -> None:
    assert float(millionths(value)) == value / 1_000_000


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (1, "0.000001"), (2_500_000, "2.5"), (10**8, "100")])
def test_millionths_are_spelled_in_wholes(value: int, text: str) -> None:
    assert millionths(value) == text


def test_labels_are_sorted_by_name_whatever_the_catalogues_order() -> None:
    spelled = whole(catalog.POLL_FAILURES, {("acme", "completions", "auth"): 2}).text
    assert spelled.endswith('_total{account="acme",reason="auth",source="completions"} 2\n')


def test_a_family_without_labels_has_no_braces() -> None:
    assert whole(catalog.RELOAD_OK, {(): 1.0}).text.endswith("\nvlmrun_exporter_config_last_reload_successful 1\n")
