"""The API is down, then shows the backlog: one page that data is not fresh, and nothing false from what comes late.

What the page inhibits is told to nobody: an error spike, handed to Alertmanager as Prometheus does.

Three minutes, as the stand-in's outage lasts by itself, are over before the rule's 3m and 1m are, by design: the test
ends it, later.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.e2e.alertpack import ALL, FACTOR, Record, alert, alert_pack, told
from tests.e2e.waiting import until

STALE = [
    alert("VLMRunDataStale", "critical", "exporter", source=source)
    for source in ("completions", "executions", "requests")
]
CATCH_UP = alert("VLMRunCatchUpInProgress", "info", "exporter", source="completions")

SPIKE = alert("VLMRunErrorSpike", "warning", "errors", source="completions")

SMALL_PAGES = {**ALL, "completions": {**ALL["completions"], "page_size": 40}}
"""So that catching up takes a while, with one request a second to spare; the other lists need a page."""

BEFORE, AFTER = 10, 45
"""Evaluations before the outage, and after the page that tells of it: 5 minutes and 22 for the rules."""


def test_outage(tmp_path: Path, record_property: Record) -> None:
    with alert_pack(tmp_path, sources=SMALL_PAGES, poll={"requests_per_minute": 240}) as pack:
        pack.evaluate(BEFORE)
        began = pack.play("outage")
        pack.hears(told("firing", *STALE))
        # What fires now rests on samples of before. It ends while the API is still down.
        end = datetime.now(UTC) + timedelta(seconds=AFTER / 2)
        pack.alertmanager.post([{"labels": dict(SPIKE), "endsAt": end.isoformat()}])
        until(lambda: pack.inhibited() == {SPIKE}, 60.0, "Alertmanager keeps the error spike quiet")
        pack.evaluate(AFTER)
        pack.play("steady")

        told_of = [*STALE, CATCH_UP]
        pack.hears_only(told("firing", *told_of) + told("resolved", *told_of))
        late = pack.prometheus.value('sum(vlmrun_completions_total{source="completions",late="true"})')
        assert (late or 0) > 50
        seconds = min(pack.first(labels).at for labels in STALE) - began
        record_property(
            "alerts",
            f"outage: API down to notification: {seconds:.1f} s at 1/{FACTOR} of the durations "
            "(rule for: 1m, after 3m without a poll that worked)",
        )
