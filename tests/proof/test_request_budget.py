"""The request budget in compressed time: the short form of what ``make soak`` runs a thousand times."""

from __future__ import annotations

import pytest

from exporter.models import SECOND
from tests.proof.conftest import Proven
from tests.proof.request_budget import Spending, restart, run, spend
from tests.proof.timelapse import TimelapseClock


def test_no_number_of_restarts_exceeds_the_limit(proven: Proven) -> None:
    figures = run(restarts=80, seed=1)
    proven(figures)
    assert figures.kills == 80
    assert figures.faults > 20, "requests were refused, clocks were set"


def test_restarts_come_at_every_edge(proven: Proven) -> None:
    spending = restart(10, restarts=30, seed=3)
    proven(spending.figures())
    assert {"request recorded", "before commit", "after commit", "at rest"} <= spending.edges.keys()
    assert spending.busiest == spending.limit, "the limit was reached, so that it could have been exceeded"


@pytest.mark.parametrize("backlogs", [1, 3])
@pytest.mark.parametrize("limit", [1, 3, 10])
def test_a_backlog_uses_nine_tenths_of_the_budget_at_least(limit: int, backlogs: int, proven: Proven) -> None:
    spending: Spending = spend(limit, minutes=20, backlogs=backlogs)
    proven(spending.figures())
    assert spending.busiest == limit
    assert spending.used >= 0.9


def test_a_clock_that_is_set_does_not_move_what_really_passed() -> None:
    clock = TimelapseClock()
    before = clock.now()
    clock.step(-3600)
    clock.advance(1)
    assert (clock.now(), clock.ticks) == (before - 3599 * SECOND, SECOND)
