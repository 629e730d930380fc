from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exporter.counting import coverage as cover
from exporter.counting.budgets import SPEND_KEPT, Budget, spend_from, state
from exporter.counting.coverage import Coverage
from exporter.counting.history import History
from exporter.counting.totals import QUARTER
from exporter.models import SECOND, BudgetState

HOUR = 3600 * SECOND


def at(text: str) -> int:
    """µs of an ISO date and time with its offset."""
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def budget(period: str = "day", timezone: str = "UTC") -> Budget:
    return Budget(account="a", name="cap", credits=1_000, period=period, timezone=timezone)


@pytest.mark.parametrize(
    ("period", "now", "start", "end"),
    [
        pytest.param("day", "2026-05-14T13:00+00:00", "2026-05-14", "2026-05-15", id="day"),
        pytest.param("day", "2026-12-31T23:59:59+00:00", "2026-12-31", "2027-01-01", id="last day of a year"),
        pytest.param("day", "2028-02-29T00:00+00:00", "2028-02-29", "2028-03-01", id="leap day"),
        pytest.param("week", "2026-05-14T13:00+00:00", "2026-05-11", "2026-05-18", id="week, on a Thursday"),
        pytest.param("week", "2026-05-11T00:00+00:00", "2026-05-11", "2026-05-18", id="week, on its Monday"),
        pytest.param("week", "2026-05-17T23:59:59+00:00", "2026-05-11", "2026-05-18", id="week, on its Sunday"),
        pytest.param("week", "2026-01-01T00:00+00:00", "2025-12-29", "2026-01-05", id="week across years"),
        pytest.param("month", "2026-01-31T13:00+00:00", "2026-01-01", "2026-02-01", id="31 days"),
        pytest.param("month", "2026-04-30T13:00+00:00", "2026-04-01", "2026-05-01", id="30 days"),
        pytest.param("month", "2026-02-01T00:00+00:00", "2026-02-01", "2026-03-01", id="28 days"),
        pytest.param("month", "2028-02-29T23:59:59+00:00", "2028-02-01", "2028-03-01", id="29 days"),
        pytest.param("month", "2026-12-31T23:59:59+00:00", "2026-12-01", "2027-01-01", id="last month of a year"),
    ],
)
def test_a_period_is_one_of_the_calendar(period: str, now: str, start: str, end: str) -> None:
    assert budget(period).bounds(at(now)) == (at(f"{start}T00:00+00:00"), at(f"{end}T00:00+00:00"))


@pytest.mark.parametrize(
    ("timezone", "noon", "start", "end", "hours"),
    [
        pytest.param(
            "Europe/Berlin",
            "2026-03-29T12:00+02:00",
            "2026-03-29T00:00+01:00",
            "2026-03-30T00:00+02:00",
            23,
            id="Berlin, summer time begins",
        ),
        pytest.param(
            "Europe/Berlin",
            "2026-10-25T12:00+01:00",
            "2026-10-25T00:00+02:00",
            "2026-10-26T00:00+01:00",
            25,
            id="Berlin, summer time ends",
        ),
        pytest.param(
            "Asia/Kolkata",
            "2026-03-29T12:00+05:30",
            "2026-03-29T00:00+05:30",
            "2026-03-30T00:00+05:30",
            24,
            id="Kolkata, half an hour off",
        ),
        pytest.param(
            "Asia/Kathmandu",
            "2026-03-29T12:00+05:45",
            "2026-03-29T00:00+05:45",
            "2026-03-30T00:00+05:45",
            24,
            id="Kathmandu, a quarter off",
        ),
        pytest.param(
            "Pacific/Auckland",
            "2026-04-05T12:00+12:00",
            "2026-04-05T00:00+13:00",
            "2026-04-06T00:00+12:00",
            25,
            id="Auckland, summer time ends in April",
        ),
        pytest.param(
            "Pacific/Auckland",
            "2026-09-27T12:00+13:00",
            "2026-09-27T00:00+12:00",
            "2026-09-28T00:00+13:00",
            23,
            id="Auckland, summer time begins in September",
        ),
        pytest.param(
            "America/Havana",
            "2026-03-08T12:00-04:00",
            "2026-03-08T01:00-04:00",
            "2026-03-09T00:00-04:00",
            23,
            id="Havana, a day without a midnight",
        ),
        pytest.param(
            "America/Havana",
            "2026-11-01T12:00-05:00",
            "2026-11-01T00:00-04:00",
            "2026-11-02T00:00-05:00",
            25,
            id="Havana, a day with two midnights",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "2026-04-05T12:00+10:30",
            "2026-04-05T00:00+11:00",
            "2026-04-06T00:00+10:30",
            24.5,
            id="Lord Howe, summer time of half an hour",
        ),
    ],
)
def test_a_day_begins_and_ends_at_local_midnight(timezone: str, noon: str, start: str, end: str, hours: float) -> None:
    bounds = budget("day", timezone).bounds(at(noon))
    assert bounds == (at(start), at(end))
    assert bounds[1] - bounds[0] == hours * HOUR


@pytest.mark.parametrize("now", ["2026-11-01T00:30-04:00", "2026-11-01T00:30-05:00"])
def test_an_hour_that_comes_twice_belongs_to_one_day(now: str) -> None:
    bounds = budget("day", "America/Havana").bounds(at(now))
    assert bounds == (at("2026-11-01T00:00-04:00"), at("2026-11-02T00:00-05:00"))


def test_a_month_in_which_the_clocks_change_is_an_hour_shorter() -> None:
    start, end = budget("month", "Europe/Berlin").bounds(at("2026-03-10T00:00+01:00"))
    assert end - start == 31 * 24 * HOUR - HOUR


@given(
    timezone=st.sampled_from(sorted(available_timezones())),
    period=st.sampled_from(["day", "week", "month"]),
    now=st.integers(at("2020-01-01T00:00+00:00"), at("2037-01-01T00:00+00:00")),
)
def test_periods_follow_each_other_without_gap_or_overlap_in_every_time_zone(
    timezone: str, period: str, now: int
) -> None:
    capped = budget(period, timezone)
    start, end = capped.bounds(now)
    assert start <= now < end
    assert capped.bounds(start) == capped.bounds(end - 1) == (start, end)
    assert capped.bounds(start - 1)[1] == start
    assert capped.bounds(end)[0] == end
    first = datetime.fromtimestamp(start / SECOND, ZoneInfo(timezone))
    assert {"day": True, "week": first.weekday() == 0, "month": first.day == 1}[period]


@given(
    timezone=st.sampled_from(sorted(available_timezones())),
    now=st.integers(at("2020-01-01T00:00+00:00"), at("2037-01-01T00:00+00:00")),
)
def test_in_every_time_zone_days_begin_at_a_quarter_of_an_hour(timezone: str, now: int) -> None:
    start, _ = budget("day", timezone).bounds(now)
    assert start % QUARTER == 0


# What is spent

NOON = at("2026-05-14T12:00+00:00")
START, END = at("2026-05-14T00:00+00:00"), at("2026-05-15T00:00+00:00")
LATENESS = 900 * SECOND
COVERED = replace(cover.start(NOON, 0, LATENESS), history=History(top=NOON, done=START - LATENESS))


def test_the_state_of_a_budget_is_what_was_spent_in_its_period() -> None:
    spend = {START // QUARTER: 7, NOON // QUARTER: 5}
    assert state(budget(), [spend], [COVERED], NOON) == BudgetState(
        account="a", name="cap", credits=1_000, spent=12, start=START, end=END, complete=True
    )


def test_only_what_was_spent_from_the_first_quarter_to_the_last_is_added_up() -> None:
    first, following = START // QUARTER, END // QUARTER
    spend = {first - 1: 1, first: 10, first + 1: 100, following - 1: 1_000, following: 10_000}
    assert state(budget(), [spend], [COVERED], NOON).spent == 1_110


def test_all_lists_of_the_account_are_added_up() -> None:
    spend = [{NOON // QUARTER: 1}, {NOON // QUARTER: 2}, {}]
    assert state(budget(), spend, [COVERED] * 3, NOON).spent == 3


def test_a_day_of_another_time_zone_adds_up_its_own_quarters() -> None:
    spend = {START // QUARTER - 22: 1, START // QUARTER - 23: 10}
    assert state(budget(timezone="Asia/Kolkata"), [spend], [COVERED], NOON).spent == 1


def walked(top: int, done: int, unproven: int = 0) -> Coverage:
    return replace(COVERED, history=History(top=top, done=done, unproven=unproven))


@pytest.mark.parametrize(
    ("coverage", "complete"),
    [
        pytest.param([COVERED], True, id="walked back to what may have ended since the start"),
        pytest.param([walked(NOON, START - LATENESS + 1)], False, id="not quite"),
        pytest.param([walked(NOON, 0, unproven=1)], False, id="but not proven"),
        pytest.param([walked(START - LATENESS, START - LATENESS)], True, id="followed since"),
        pytest.param([walked(START, START)], False, id="followed since too late"),
        pytest.param([walked(NOON, NOON)], False, id="not walked back"),
        pytest.param([None], False, id="not polled yet"),
        pytest.param([replace(COVERED, lost=9, lost_until=START)], True, id="lost before the start"),
        pytest.param([replace(COVERED, lost=9, lost_until=START + 1)], False, id="lost since"),
        pytest.param([COVERED, None], False, id="one list of two"),
        pytest.param([COVERED, COVERED], True, id="both lists"),
    ],
)
def test_a_budget_is_complete_if_everything_since_its_start_is_known(
    coverage: list[Coverage | None], complete: bool
) -> None:
    assert state(budget(), [{}], coverage, NOON).complete is complete


def test_credits_are_kept_from_the_quarter_that_lies_two_months_before_what_is_proven() -> None:
    first = NOON // QUARTER
    assert spend_from(replace(COVERED, proven=first * QUARTER + SPEND_KEPT)) == first
    assert spend_from(replace(COVERED, proven=first * QUARTER + SPEND_KEPT - 1)) == first - 1
