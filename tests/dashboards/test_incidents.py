"""The script of what befalls the account."""

from __future__ import annotations

import pytest

from exporter.simulator.scenarios import scenario
from exporter.simulator.workload import Effects
from tests.dashboards.past.incidents import (
    HOUR,
    OUTAGE,
    PICTURED,
    RESTART,
    Incident,
    boundaries,
    effects,
    under_way,
)


def test_an_incident_goes_on_from_its_beginning_until_it_is_over() -> None:
    script = [Incident(OUTAGE, ago=100, lasts=20), Incident("error-spike", ago=50)]
    seen = {ago: under_way(script, ago) for ago in (101, 100, 81, 80, 51, 50, 0)}
    none: frozenset[str] = frozenset()
    spike = frozenset({"error-spike"})
    assert seen == {101: none, 100: {OUTAGE}, 81: {OUTAGE}, 80: none, 51: none, 50: spike, 0: spike}
    assert boundaries(script) == [100, 80, 50]


def test_only_scenarios_bend_the_workload_and_only_one_at_a_time() -> None:
    assert effects([OUTAGE, RESTART]) == Effects()
    assert effects(["credit-burn", OUTAGE]) == scenario("credit-burn").effects
    with pytest.raises(AssertionError, match="two scenarios at once"):
        effects(["credit-burn", "error-spike"])


def test_an_unknown_incident_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown scenario 'flood'"):
        Incident("flood", ago=1)


def test_what_is_pictured_lies_in_the_last_six_hours_each_on_its_own_and_the_last_goes_on() -> None:
    assert all(incident.ago < 6 * HOUR for incident in PICTURED)
    assert all(len(under_way(PICTURED, edge)) <= 1 for edge in boundaries(PICTURED))
    assert under_way(PICTURED, 0) == {"slow-low-token"}
