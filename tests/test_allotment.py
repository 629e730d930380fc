from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.allotment import Allotment
from exporter.models import SourceKey

A, B, C = (SourceKey("a", name) for name in ("completions", "executions", "requests"))
LISTS = (A, B, C)


def drain(allotment: Allotment, source: SourceKey, active: set[SourceKey]) -> int:
    """Poll once and read every page that is granted."""
    pages = allotment.grant(source, active)
    allotment.spend(source, pages)
    return pages


def test_a_list_alone_gets_all_that_head_polls_leave_over() -> None:
    allotment = Allotment(10, dict.fromkeys(LISTS, 60.0))
    assert [drain(allotment, A, {A}) for _ in range(3)] == [7, 7, 7]


def test_lists_that_sweep_at_once_get_the_same() -> None:
    allotment = Allotment(9, {A: 60.0, B: 60.0, C: 60.0})
    assert [drain(allotment, each, {*LISTS}) for _ in range(2) for each in LISTS] == [2, 2, 2, 2, 2, 2]


def test_fractions_add_up_to_pages() -> None:
    allotment = Allotment(10, dict.fromkeys(LISTS, 60.0))  # 7 a minute over, for two lists
    assert [drain(allotment, A, {A, B}) for _ in range(4)] == [3, 4, 3, 4]


def test_a_list_that_is_not_sweeping_yet_counts_itself_in() -> None:
    allotment = Allotment(10, dict.fromkeys(LISTS, 60.0))
    assert allotment.grant(A, {B, C}) == 2


def test_what_is_not_spent_is_granted_again_up_to_a_minutes_requests() -> None:
    allotment = Allotment(10, dict.fromkeys(LISTS, 60.0))
    assert [allotment.grant(A, {A}) for _ in range(3)] == [7, 10, 10]
    allotment.spend(A, 4)
    assert allotment.grant(A, {A}) == 10


def test_pages_spent_beyond_a_grant_are_taken_off_the_next() -> None:
    allotment = Allotment(10, dict.fromkeys(LISTS, 60.0))
    allotment.spend(A, 5)
    assert [allotment.grant(A, {A}), allotment.grant(B, {B})] == [2, 7]


def test_head_polls_that_use_up_the_limit_leave_a_request_a_minute_to_sweeps() -> None:
    allotment = Allotment(3, dict.fromkeys(LISTS, 60.0))
    assert [drain(allotment, A, {A}) for _ in range(3)] == [1, 1, 1]


def test_a_list_polled_seldom_gets_as_much_by_the_minute() -> None:
    allotment = Allotment(30, {A: 30.0, B: 120.0})  # 27.5 a minute over
    often = sum(drain(allotment, A, {A, B}) for _ in range(8))
    seldom = sum(drain(allotment, B, {A, B}) for _ in range(2))
    assert (often, seldom) == (55, 55)


@pytest.mark.parametrize(("lists", "reserve"), [(1, 0), (2, 1), (3, 1)])
def test_a_sweep_leaves_a_place_for_the_head_poll_of_another_list(lists: int, reserve: int) -> None:
    assert Allotment(10, dict.fromkeys(LISTS[:lists], 60.0)).reserve == reserve


@pytest.mark.parametrize(
    ("limit", "interval", "pages"), [(10, 60.0, 5), (10, 30.0, 2), (10, 3600.0, 5), (100, 10.0, 8), (1, 10.0, 1)]
)
def test_a_head_poll_may_read_half_of_what_its_interval_allows(limit: int, interval: float, pages: int) -> None:
    assert Allotment(limit, {A: interval}).longest_head == {A: pages}


INTERVALS = st.sampled_from([10.0, 15.0, 20.0, 30.0, 60.0])


@given(
    beyond_heads=st.integers(0, 300),
    intervals=st.tuples(INTERVALS, INTERVALS, INTERVALS),
    active=st.sets(st.sampled_from(LISTS), min_size=1),
    minutes=st.integers(1, 30),
)
def test_sweeps_get_exactly_what_is_over_and_each_the_same(
    beyond_heads: int, intervals: tuple[float, float, float], active: set[SourceKey], minutes: int
) -> None:
    every = dict(zip(LISTS, intervals, strict=True))
    heads = round(sum(60 / interval for interval in intervals))
    spare = max(1, beyond_heads)
    allotment = Allotment(heads + beyond_heads, every)
    got = {
        source: sum(drain(allotment, source, active) for _ in range(round(minutes * 60 / every[source])))
        for source in active
    }
    share = minutes * spare / len(active)
    assert all(share - 1.001 < pages < share + 0.001 for pages in got.values())


@given(
    limit=st.integers(1, 100),
    polls=st.lists(
        st.tuples(st.sampled_from(LISTS), st.sets(st.sampled_from(LISTS)), st.integers(0, 200)), max_size=60
    ),
)
def test_no_poll_is_ever_granted_more_than_a_minutes_requests(
    limit: int, polls: list[tuple[SourceKey, set[SourceKey], int]]
) -> None:
    allotment = Allotment(limit, {A: 10.0, B: 60.0, C: 3_600.0})
    for source, active, wanted in polls:
        granted = allotment.grant(source, active)
        assert granted <= limit
        allotment.spend(source, min(granted, wanted))
        assert allotment.grant(source, active) >= 0
