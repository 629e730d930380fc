from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exporter.api.pages import CursorPaginator, OffsetPaginator
from exporter.counting import history as back
from exporter.counting.history import PATIENCE, RETRY, History
from exporter.counting.walk import TOP, Walk
from exporter.models import SECOND, Completion, Page, Paginator, Position
from tests.builders import Shelf, page, row

OFFSET = OffsetPaginator()
CURSOR = CursorPaginator()

both = pytest.mark.parametrize("paginator", [OFFSET, CURSOR], ids=["offset", "cursor"])

NOW = 1_000_000 * SECOND


def walking_back(unproven: int = 0, /, **walk: Any) -> History:
    """A walk back from 80 to 20 that has passed everything newer than what it is to prove."""
    begun = back.begin(History(top=80, done=80, unproven=unproven), started=NOW, floor=20, limit=4, least=3)
    assert begun.walk is not None
    return replace(begun, walk=replace(begun.walk, **({"edge": 90, "position": Position(skip=40)} | walk)))


@pytest.mark.parametrize(
    ("top", "done", "unproven", "reaches"),
    [
        pytest.param(100, 50, 0, True, id="seen"),
        pytest.param(100, 51, 0, False, id="not yet"),
        pytest.param(100, 50, 1, False, id="seen, with a stretch on trust"),
        pytest.param(50, 50, 1, True, id="at the top, above which sweeps prove"),
        pytest.param(51, 51, 0, False, id="just below the top"),
    ],
)
def test_a_time_is_reached_when_every_row_since_is_proven(top: int, done: int, unproven: int, reaches: bool) -> None:
    assert History(top=top, done=done, unproven=unproven).reaches(50) is reaches


@pytest.mark.parametrize(
    ("history", "due"),
    [
        pytest.param(History(top=100, done=100), True, id="not begun"),
        pytest.param(History(top=51, done=51), True, id="just below the top"),
        pytest.param(History(top=50, done=50), False, id="at the top, above which sweeps count"),
        pytest.param(History(top=100, done=51), True, id="nearly there"),
        pytest.param(History(top=100, done=50), False, id="done"),
        pytest.param(History(top=100, done=100, resume_at=NOW), True, id="pause over"),
        pytest.param(History(top=100, done=100, resume_at=NOW + 1), False, id="in a pause"),
    ],
)
def test_a_walk_back_is_due_until_it_reaches_the_floor(history: History, due: bool) -> None:
    assert back.due(history, 50, NOW) is due


def test_a_walk_back_begins_at_the_top_of_the_list_and_proves_from_where_it_left_off() -> None:
    begun = back.begin(History(top=100, done=80, unproven=3), started=NOW, floor=20, limit=100, least=7)
    walk = Walk(
        started=NOW,
        floor=20,
        ceiling=80,
        lo=80,
        edge=TOP,
        limit=100,
        base_limit=100,
        least=7,
        patience=PATIENCE,
    )
    assert begun == History(top=100, done=80, unproven=3, walk=walk)


@pytest.mark.parametrize(
    ("shown", "times"),
    [
        pytest.param(page(95, 94, 92, 91), range(81, 81), id="above what is wanted"),
        pytest.param(page(95, 90, 70, 60), range(61, 81), id="down to its oldest row, where ties may be cut"),
        pytest.param(page(91, 90), range(0, 81), id="the end of the list: all that is left"),
        pytest.param(page(80, 79, 78, 77), range(81, 81), id="a page that does not join"),
    ],
)
def test_a_page_proves_the_times_above_its_oldest_row(shown: Page, times: range) -> None:
    after, proven, unprovable = back.take(walking_back(), shown, OFFSET)
    assert (proven, unprovable) == (times, False)
    assert after.done == times.start - 1


def test_a_walk_back_under_way_goes_on() -> None:
    after, _, _ = back.take(walking_back(), page(95, 94, 92, 91), OFFSET)
    assert after.walk is not None
    assert after.walk.position == Position(skip=42)


def test_a_walk_back_that_is_done_rests() -> None:
    after, _, _ = back.take(walking_back(7), page(95, 81, 70, 20), OFFSET)
    assert after == History(top=80, done=20, unproven=7)


def test_what_is_passed_on_trust_adds_up() -> None:
    begun = walking_back(7, leapt=SECOND, lo=60, edge=60)
    after, times, unprovable = back.take(replace(begun, done=60), page(50, 49, 48, 47), OFFSET)
    assert (after.unproven, times, unprovable) == (7 + SECOND + 10, range(48, 61), True)
    further, _, _ = back.take(after, page(48, 47, 30, 20), OFFSET)
    assert further == History(top=80, done=20, unproven=7 + SECOND + 10)


@pytest.mark.parametrize(("time", "unproven"), [(40, SECOND), (80, SECOND), (81, 0)])
def test_ties_that_were_passed_at_the_end_of_the_list_are_not_known_to_be_spent(time: int, unproven: int) -> None:
    """They hid nothing, but were shown on two pages, and are spent by the page that proves their time."""
    tied = walking_back(leapt=SECOND, lo=min(time, 80), edge=time)
    after, times, unprovable = back.take(tied, page(time), OFFSET)
    assert (after.unproven, after.done, unprovable) == (unproven, -1, unproven > 0)
    assert times == range(0, tied.done + 1)


def test_what_is_passed_above_the_top_is_no_concern() -> None:
    after, times, unprovable = back.take(walking_back(leapt=SECOND), page(89, 88, 87, 86), OFFSET)
    assert (after.unproven, times, unprovable) == (0, range(81, 81), False)


def test_a_walk_back_that_gets_stuck_pauses_and_keeps_what_is_done_and_what_it_passed_on_trust() -> None:
    resting = History(top=80, done=80, unproven=7, resume_at=NOW + RETRY)
    assert back.refused(walking_back(7), OFFSET) == resting
    assert back.take(walking_back(7, patience=1), page(80, 79), OFFSET) == (resting, range(0), True)


def test_a_walk_back_that_gets_stuck_on_what_it_cannot_prove_keeps_that_too() -> None:
    begun = walking_back(7, leapt=SECOND, lo=60, edge=60, patience=1)
    resting = History(top=80, done=60, unproven=7 + SECOND + 0, resume_at=NOW + RETRY)
    assert back.take(replace(begun, done=60), page(60, 60, 60, 60), OFFSET) == (resting, range(0), True)


def test_a_refused_anchor_does_not_end_a_walk_back() -> None:
    refused = back.refused(walking_back(position=Position(anchors=("b", "a"))), CURSOR)
    assert refused == walking_back(position=Position(anchors=("a",)), retreats=1, stalls=1)


@both
@given(
    stamps=st.lists(st.integers(1, 300), max_size=120) | st.lists(st.integers(1, 15), max_size=120),
    top=st.integers(1, 320),
    floor=st.integers(0, 320),
    limit=st.integers(2, 40),
    seed=st.integers(0, 2**32),
)
def test_each_row_is_spent_once_however_often_a_walk_back_is_interrupted(
    paginator: Paginator, stamps: list[int], top: int, floor: int, limit: int, seed: int
) -> None:
    random = Random(seed)
    rows: list[Completion] = [row(stamp, f"r{place}") for place, stamp in enumerate(stamps)]
    history = History(top=top, done=top)
    ranges: list[range] = []
    spent: Counter[str] = Counter()
    now = NOW
    while back.due(history, floor, now):
        now += RETRY
        if history.walk is None:
            history = back.begin(history, started=now, floor=floor, limit=limit, least=min(10, limit))
        assert history.walk is not None
        while random.random() < 0.3:  # new rows move the old ones down
            rows.append(row(1_000 + len(rows), f"r{len(rows)}"))
        listed = sorted(rows, key=lambda each: (-each.created, random.random()))
        position = history.walk.position
        shown = Shelf(listed).get(paginator.params(position, history.walk.limit))
        if shown is None or (random.random() < 0.02 and not position.at_top):
            history = back.refused(history, paginator)
            continue
        history, times, _ = back.take(history, shown, paginator)
        ranges.append(times)
        spent.update(each.id for each in shown.rows if each.created in times)

    assert history.done <= floor or top <= floor
    downwards = [range(top + 1, top + 1), *filter(None, ranges), range(history.done + 1, history.done + 1)]
    assert all(upper.start == lower.stop for upper, lower in pairwise(downwards))
    wanted = Counter(each.id for each in rows if history.done < each.created <= top)
    assert spent <= wanted
    if not history.unproven:
        assert spent == wanted
