from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.budget import MINUTE, RequestBudget
from exporter.models import SECOND
from tests.clocks import START

LIMITS = st.integers(1, 12)
GAPS = st.lists(st.integers(0, 70 * SECOND) | st.just(0), max_size=60)


def busiest_window(sent: list[int]) -> int:
    """The most requests in any trailing minute; one ends with each request at the worst."""
    return max((sum(end - MINUTE < at <= end for at in sent) for end in sent), default=0)


@given(limit=LIMITS, gaps=GAPS, reserves=st.lists(st.integers(0, 15), min_size=60, max_size=60))
def test_no_window_ever_holds_more_than_the_limit(limit: int, gaps: list[int], reserves: list[int]) -> None:
    budget, now = RequestBudget(limit), START
    sent: list[int] = []
    for gap, reserve in zip(gaps, reserves, strict=False):
        now += gap
        now += budget.wait(now, reserve)
        assert budget.wait(now, reserve) == 0
        budget.take(now)
        sent.append(now)
        assert budget.used(now) == sum(now - MINUTE < at for at in sent)
    assert busiest_window(sent) <= limit


@given(limit=LIMITS, gaps=GAPS, restarts=st.sets(st.integers(0, 60)))
def test_a_restart_remembers_what_was_spent(limit: int, gaps: list[int], restarts: set[int]) -> None:
    budget, now = RequestBudget(limit), START
    journal: list[int] = []
    for index, gap in enumerate(gaps):
        now += gap
        if index in restarts:
            budget = RequestBudget(limit, spent=reversed(journal))
        now += budget.wait(now)
        journal.append(now)
        budget.take(now)
    assert busiest_window(journal) <= limit


@given(limit=LIMITS, steps=st.lists(st.integers(-7200 * SECOND, 120 * SECOND), max_size=60), reserve=st.integers(0, 15))
def test_a_clock_stepping_back_never_blocks_for_more_than_a_window(limit: int, steps: list[int], reserve: int) -> None:
    budget, now = RequestBudget(limit), START
    for step in steps:
        now += step
        wait = budget.wait(now, reserve)
        assert 0 <= wait <= MINUTE
        now += wait
        assert budget.wait(now, reserve) == 0
        budget.take(now)
        assert budget.used(now) <= limit


def test_a_clock_stepping_back_forgets_no_request() -> None:
    budget = RequestBudget(3, spent=[START, START + 1, START + 2])
    assert budget.used(START - 3600 * SECOND) == 3
    assert budget.wait(START - 3600 * SECOND) == MINUTE
    assert budget.wait(START - 3570 * SECOND) == MINUTE // 2


def test_a_place_is_free_again_exactly_one_window_after_the_request() -> None:
    budget = RequestBudget(1)
    budget.take(START)
    assert budget.wait(START + MINUTE - 1) == 1
    assert budget.wait(START + MINUTE) == 0


def test_reserved_places_are_left_to_others() -> None:
    budget = RequestBudget(3)
    budget.take(START)
    assert budget.wait(START, reserve=1) == 0
    budget.take(START + 10)
    assert budget.wait(START + 10) == 0
    assert budget.wait(START + 10, reserve=1) == MINUTE - 10


def test_a_reserve_of_the_whole_limit_waits_for_an_idle_window() -> None:
    budget = RequestBudget(2)
    assert budget.wait(START, reserve=2) == 0
    budget.take(START)
    budget.take(START + 5)
    assert budget.wait(START + 10, reserve=99) == MINUTE - 5


def test_a_lowered_limit_holds_at_once() -> None:
    budget = RequestBudget(10, spent=range(START, START + 10))
    budget.limit = 4
    assert budget.wait(START + 10) == MINUTE - 10 + 6
    budget.limit = 11
    assert budget.wait(START + 10) == 0


def test_requests_before_the_window_are_forgotten() -> None:
    budget = RequestBudget(2, spent=[START - 5 * MINUTE, START - MINUTE, START - 1])
    assert budget.used(START) == 1


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_allows_nothing_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        RequestBudget(limit)
