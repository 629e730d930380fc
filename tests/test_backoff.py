from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.backoff import CAP, full_jitter, parse_http_date, parse_retry_after
from exporter.models import SECOND
from tests.clocks import START


@given(retry=st.integers(0, 10_000), seed=st.integers())
def test_backoff_stays_within_the_doubled_base_and_the_cap(retry: int, seed: int) -> None:
    assert 0 <= full_jitter(retry, Random(seed)) <= min(CAP, 2.0 ** min(retry, 10))


def test_backoff_uses_the_whole_range_so_that_clients_spread() -> None:
    random = Random(1)
    waits = [full_jitter(3, random) for _ in range(1000)]
    assert min(waits) < 0.1
    assert max(waits) > 7.9


@pytest.mark.parametrize(
    "value",
    [
        "Thu, 01 Jan 2026 00:00:00 GMT",
        "Thursday, 01-Jan-26 00:00:00 GMT",
        "Thu Jan  1 00:00:00 2026",
        "Thu, 01 Jan 2026 00:00:00 -0000",
        "Thu, 01 Jan 2026 01:00:00 +0100",
    ],
)
def test_http_dates_are_read_in_every_form(value: str) -> None:
    assert parse_http_date(value) == START


@pytest.mark.parametrize("value", [None, "", "0", "yesterday", "Thu, 32 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026"])
def test_an_unreadable_http_date_is_none(value: str | None) -> None:
    assert parse_http_date(value) is None


@given(st.text() | st.from_regex(r"\w{3}, \d+ (Jan|Feb) \d+ \d+:\d+:\d+ [+-]?\w+"))
def test_no_header_makes_the_parsers_fail(value: str) -> None:
    parse_http_date(value)
    wait = parse_retry_after(value, now=START)
    assert wait is None or wait >= 0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("Thu, 01 Jan 2026 00:01:30 GMT", 90.0),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0.0),
        ("-1", None),
        ("1e3", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now=START) == seconds


def test_a_retry_after_date_is_measured_from_the_moment_given() -> None:
    assert parse_retry_after("Thu, 01 Jan 2026 00:01:30 GMT", now=START + 30 * SECOND) == 60.0
