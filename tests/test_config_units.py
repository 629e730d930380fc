"""Durations and credits: read as they were written, and as Prometheus writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.units import format_credits, format_duration, parse_credits, parse_duration


@given(st.integers(min_value=0, max_value=10 * 365 * 86_400_000))
def test_a_duration_reads_as_it_was_written(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("500ms", 0.5),
        ("30s", 30),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1w", 604_800),
        ("90m", 5400),
    ],
)
def test_a_duration_is_written_as_in_prometheus(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " 1s", "1s ", "1", "s", "-1s", "1.5h", "30m1h", "1s1s", "1S", "1min", "\u0661s", "1s\n"]
)
def test_anything_else_is_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@given(st.integers(min_value=1, max_value=10**15))
def test_credits_read_as_they_were_written(micro: int) -> None:
    assert parse_credits(format_credits(micro)) == micro
