"""From what an expression yields to when an alert fires: by examples, and against Prometheus's steps written out."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.alerts.drill.firing import Episode, episodes

STEP = 30
LABELS = (("account", "a"),)


def times(count: int) -> range:
    return range(0, count * STEP, STEP)


def values(pattern: str) -> dict[int, float]:
    """A value at each place that is no dot: the digit."""
    return {place * STEP: float(digit) for place, digit in enumerate(pattern) if digit != "."}


def spans(pattern: str, hold: int, keep: int) -> list[tuple[int, int | None]]:
    """When an alert with this pattern fires, in steps."""
    found = episodes(LABELS, times(len(pattern)), values(pattern), hold * STEP, keep * STEP)
    return [(each.start // STEP, None if each.end is None else each.end // STEP) for each in found]


@pytest.mark.parametrize(
    ("pattern", "hold", "keep", "expected"),
    [
        ("......", 0, 0, []),
        ("..11..", 0, 0, [(2, 4)]),
        ("1", 0, 0, [(0, None)]),
        ("..1111", 2, 0, [(4, None)]),
        ("..11..", 2, 0, []),
        ("111.111.", 2, 0, [(2, 3), (6, 7)]),
        # One evaluation without a value begins `for` anew.
        ("11.11.11", 2, 0, []),
        # `keep_firing_for` runs from the first evaluation without a value.
        ("1......", 0, 3, [(0, 4)]),
        ("1..1...", 0, 3, [(0, None)]),
        ("1..1....", 0, 3, [(0, 7)]),
        # Longer than kept: a new alert, and `for` again.
        ("11....11", 1, 2, [(1, 4), (7, None)]),
        ("1.1.1.1.", 0, 2, [(0, None)]),
        ("1.1.1.1...", 0, 2, [(0, 9)]),
        # Nothing is kept that did not fire.
        ("1...", 1, 5, []),
    ],
)
def test_an_alert_fires_as_its_for_and_keep_firing_for_say(
    pattern: str, hold: int, keep: int, expected: list[tuple[int, int | None]]
) -> None:
    assert spans(pattern, hold, keep) == expected


def test_an_episode_has_the_values_seen_while_it_fired() -> None:
    found = episodes(LABELS, times(9), values("95371.2.."), 2 * STEP, STEP)
    assert found == [Episode(LABELS, 2 * STEP, 8 * STEP, first=3.0, low=1.0, high=7.0)]
    assert found[0].lasted(until=99 * STEP) == 6 * STEP


def test_what_still_fires_has_lasted_until_the_end() -> None:
    (found,) = episodes(LABELS, times(5), values("..111"), 0, 0)
    assert found.end is None
    assert found.lasted(until=4 * STEP) == 2 * STEP


def stepwise(values: Mapping[int, float], every: range, hold: int, keep: int) -> list[int]:
    """The times at which an alert fires: AlertingRule.Eval of Prometheus, line by line, for one alert."""
    firing: list[int] = []
    state, active_at, keep_since = "inactive", 0, None
    for time in every:
        if time in values and state == "inactive":
            state, active_at = "pending", time
        keep_firing = False
        if time not in values:
            if state == "firing" and keep > 0:
                if keep_since is None:
                    keep_since = time
                keep_firing = time - keep_since < keep
            if state != "inactive" and not keep_firing:
                state, keep_since = "inactive", None
        else:
            keep_since = None
        if state == "pending" and time - active_at >= hold:
            state = "firing"
        if state == "firing":
            firing.append(time)
    return firing


@given(
    present=st.lists(st.booleans(), max_size=60),
    hold=st.integers(0, 5 * STEP),
    keep=st.integers(0, 5 * STEP),
)
def test_an_alert_fires_whenever_prometheus_steps_say(present: list[bool], hold: int, keep: int) -> None:
    every = times(len(present))
    there = {time: 1.0 for time, here in zip(every, present, strict=True) if here}
    found = episodes(LABELS, every, there, hold, keep)
    fires = [
        time for time in every if any(each.start <= time and (each.end is None or time < each.end) for each in found)
    ]
    assert fires == stepwise(there, every, hold, keep)
