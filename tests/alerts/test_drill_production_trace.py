"""What the rules make of ordinary days: the whole production trace, every request of it, fires nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile

from exporter.alerts.drill import report, simulated
from exporter.alerts.drill.drilling import drill
from exporter.alerts.drill.rules import load, shipped_rules
from exporter.simulator import trace
from tests import realservers
from tests.alerts.drilling import TERMS, plan

HOURS = 26
"""A day, which most rules look back, and two hours in which they do."""


def test_steady_production_traffic_notifies_nobody(record_property: Callable[[str, object], None]) -> None:
    binary = realservers.require("prometheus")
    rules = load(shipped_rules())
    played = plan(hours=HOURS, rate=1.0)
    history = simulated.history(played, TERMS, rules.metrics())
    outcome = drill(binary, rules, history, lambda _: None, sweeping=False)
    notified = sum(report.notifications(finding.episodes) for finding in outcome.findings)
    record_property(
        "alerts",
        f"false notifications over a replay of the full production trace: {notified} in {HOURS} h,"
        f" {outcome.completions:,} completions",
    )
    # Everything that arrived, but for what had not ended at the last poll.
    last_poll = played.polled(played.end)
    arrived = sum(1 for _ in takewhile(lambda each: each.at <= last_poll, trace.load().replay(played.start, 1.0)))
    assert 0.999 * arrived < outcome.completions <= arrived
    assert len(outcome.findings) == len(rules.alerts)
    assert outcome.fired == []
