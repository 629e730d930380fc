"""Catching up after an outage of an hour, and being outrun, in compressed time; ``make soak`` has 6 and 24 hours."""

from __future__ import annotations

from math import inf

import pytest

from exporter.models import Paging
from tests.proof.catch_up import Outage, catch_up, outrun


@pytest.mark.parametrize("rate", [1.0, None], ids=["steadily", "by the production trace"])
@pytest.mark.parametrize("paging", Paging)
def test_an_hour_is_caught_up_with_as_fast_as_the_budget_allows(paging: Paging, rate: float | None) -> None:
    result = catch_up(Outage(1, paging, rate=rate, requests_per_minute=6 if rate else 10))
    assert result.problems == []
    assert result.counted == result.rows > 7000
    assert result.late > 2500


def test_kills_amid_a_catch_up_cost_a_few_requests() -> None:
    plain = catch_up(Outage(1, Paging.OFFSET))
    killed = catch_up(Outage(1, Paging.OFFSET, kills=3))
    assert killed.problems == []
    assert killed.counted == killed.rows
    assert killed.requests <= plain.requests + 4 * 3


@pytest.mark.parametrize("paging", Paging)
def test_arrivals_that_outrun_the_budget_are_said_and_a_larger_budget_ends_it(paging: Paging) -> None:
    result = outrun(paging)
    assert result.behind_before
    assert set(result.etas_before) == {inf}
    # Between the end of one sweep and the start of the next there is nothing to tell by.
    assert result.etas_after.count(inf) <= 7, "for an interval at most"
    assert not result.behind_after
    assert result.etas_after[-1] == 0
    assert result.counted == result.rows
