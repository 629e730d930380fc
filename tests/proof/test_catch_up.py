"""Catching up after an outage of an hour, and being outrun, in compressed time; ``make soak`` has 6 and 24 hours."""

from __future__ import annotations

from dataclasses import astuple
from math import inf

import pytest

from exporter.counting.columns import Columns
from exporter.counting.totals import Delta, Tally
from exporter.models import SECOND, Paging
from tests.proof.catch_up import Outage, catch_up, outrun
from tests.proof.conftest import Proven
from tests.proof.timelapse_api import Arrivals
from tests.proof.timelapse_count import by_age, first_served, may_be_late, sums, too_many_to_tell


@pytest.mark.parametrize("rate", [1.0, None], ids=["steadily", "by the production trace"])
@pytest.mark.parametrize("paging", Paging)
def test_an_hour_is_caught_up_with_as_fast_as_the_budget_allows(
    paging: Paging, rate: float | None, proven: Proven
) -> None:
    result = catch_up(Outage(1, paging, rate=rate, requests_per_minute=6 if rate else 10))
    proven(result.figures())
    assert result.count.counted == result.count.rows > 7000
    assert result.count.late > 2500
    assert result.count.edge < 20


def test_kills_amid_a_catch_up_cost_a_few_requests(proven: Proven) -> None:
    plain = catch_up(Outage(1, Paging.OFFSET))
    killed = catch_up(Outage(1, Paging.OFFSET, kills=3))
    proven(killed.figures())
    assert killed.kills == 3
    assert killed.requests <= plain.requests + 4 * 3


def test_a_catch_up_amid_bursts_ends_although_the_newest_rows_were_left_out_again_and_again(proven: Proven) -> None:
    result = catch_up(Outage(1, Paging.CURSOR, rate=None, requests_per_minute=10, kills=2, seed=3))
    proven(result.figures())


@pytest.mark.parametrize("paging", Paging)
def test_arrivals_that_outrun_the_budget_are_said_and_a_larger_budget_ends_it(paging: Paging, proven: Proven) -> None:
    result = outrun(paging)
    proven(result.figures())
    assert set(result.etas_before) == {inf}
    # Between the end of one sweep and the start of the next there is nothing to tell by.
    assert result.etas_after.count(inf) <= 7, "for an interval at most"
    assert result.count.counted == result.count.rows
    assert result.count.late > 1000


# What the check of rows and labels can tell


@pytest.mark.parametrize(
    ("older", "younger", "problems"),
    [
        pytest.param("false", "true", ["rows are late, not the"], id="a label wrong one way, and one the other way"),
        # The lost row is missing from the late series too.
        pytest.param("nowhere", "twice", ["not the ones that came", "rows are late"], id="a lost row, a doubled one"),
    ],
)
def test_mistakes_that_make_up_for_each_other_in_number_are_seen(
    older: str, younger: str, problems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Tally.count
    done: set[str] = set()

    def count(self: Tally, delta: Delta, page: Columns, now: int) -> None:
        for place, (name, ended) in enumerate(zip(page.id, page.ended, strict=True)):
            row = Columns(*([column[place]] for column in astuple(page)))
            instead = {"r3000": older, "r6500": younger}.get(name, "right")
            done.add(instead)
            match instead:
                case "false":
                    right(self, delta, row, ended)
                case "true":
                    right(self, delta, row, ended + 3600 * SECOND)
                case "nowhere":
                    pass
                case "twice":
                    right(self, delta, row, now)
                    right(self, delta, row, now)
                case _:
                    right(self, delta, row, now)

    monkeypatch.setattr(Tally, "count", count)
    result = catch_up(Outage(1, Paging.OFFSET)).count
    assert done == {older, younger, "right"}
    assert result.counted == result.rows
    assert len(result.problems) == len(problems)
    assert all(expected in problem for expected, problem in zip(problems, result.problems, strict=True))


def test_at_the_edge_either_label_is_right_but_not_in_any_order() -> None:
    arrivals = Arrivals(range(0, 2000 * SECOND, SECOND))
    arrivals.served = [(1000 * SECOND, 380, 420)]  # 620 to 581 seconds old
    surely, near = by_age(arrivals, first_served(arrivals), late_after=600)
    assert near == [[397, 398, 399, 400, 401, 402, 403]]
    assert surely == sums(arrivals, range(380, 397))
    possible = may_be_late(arrivals, surely, near)
    assert possible == {sums(arrivals, range(380, end)) for end in range(397, 405)}
    assert sums(arrivals, [*range(380, 399), 400]) not in possible
    assert sums(arrivals, [*range(381, 400), 410]) not in possible


def test_labels_that_cannot_be_told_apart_are_a_problem() -> None:
    arrivals = Arrivals(range(0, 2000 * SECOND, SECOND // 40))
    arrivals.served = [(1000 * SECOND, 15_000, 17_000)]
    _, near = by_age(arrivals, first_served(arrivals), late_after=600)
    assert too_many_to_tell(near)
    assert not too_many_to_tell([list(range(70))])
    assert too_many_to_tell([[1, 2, 3]] * 10)
