"""The exporter is killed, and started again later: one page, and nothing false from the backlog."""

from __future__ import annotations

import time
from pathlib import Path

from tests.e2e.alertpack import FACTOR, Record, alert, alert_pack, told
from tests.e2e.prometheus import JOB

BEFORE, AFTER = 10, 25
"""Evaluations before the kill, and after the page that tells of it: 5 minutes and 12 for the rules."""


def test_exporter_killed(tmp_path: Path, record_property: Record) -> None:
    with alert_pack(tmp_path) as pack:
        down = alert("VLMRunExporterDown", "critical", "exporter", job=JOB, instance=pack.address)
        pack.evaluate(BEFORE)
        pack.exporter.kill()
        began = time.time()
        pack.hears(told("firing", down))
        pack.evaluate(AFTER)
        with pack.restarted():
            pack.hears_only(told("firing", down) + told("resolved", down))
            late = pack.prometheus.value('sum(vlmrun_completions_total{source="completions",late="true"})')
            assert (late or 0) > 50
        record_property(
            "alerts",
            f"exporter killed: to notification: {pack.first(down).at - began:.1f} s at 1/{FACTOR} of the durations "
            "(rule for: 5m)",
        )
