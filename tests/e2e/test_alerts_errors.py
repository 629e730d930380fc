"""Errors of one skill: one ticket for the spike, one for the skill, with the completions that fail in them."""

from __future__ import annotations

from pathlib import Path

from exporter.models import SECOND, Status
from tests.e2e.alertpack import COMPLETIONS, FACTOR, Record, alert, alert_pack, told

SKILL = "document.invoice"
SPIKE = alert("VLMRunErrorSpike", "warning", "errors", source="completions")
CONCENTRATED = alert("VLMRunSkillErrorsConcentrated", "warning", "errors", source="completions", skill=SKILL)

SEED = 27
"""In this traffic 15% of the completions fail, or more, wherever 10% must: chance may have it at 8% elsewhere."""

BEFORE = 28
"""Evaluations of ordinary traffic: 14 minutes for the rules. The spike becomes its own baseline only after it fires."""


def test_error_spike(tmp_path: Path, record_property: Record) -> None:
    # With an error budget of 10%, nothing burns: what fails is 16% of the completions, and the page is at 60%.
    with alert_pack(tmp_path, traffic={"seed": SEED}, sources=COMPLETIONS, slo={"error_ratio": 0.1}) as pack:
        pack.evaluate(BEFORE)
        began = pack.play("error-spike")
        firing = told("firing", SPIKE, CONCENTRATED)
        pack.hears(firing)
        pack.play("steady")

        failed = [item for item in pack.items() if item.status is Status.ERROR and item.started >= began * SECOND]
        first = min(item.finished for item in failed if item.skill == SKILL) / SECOND
        for labels in (SPIKE, CONCENTRATED):
            culprits = pack.culprits(pack.first(labels))
            assert all(item in failed for item in culprits)
            assert pack.rendered("/slack/ticket", culprits)
        assert all(item.skill == SKILL for item in pack.culprits(pack.first(CONCENTRATED)))

        pack.hears_only(firing + told("resolved", SPIKE, CONCENTRATED))
        for labels, wait in ((SPIKE, "3m"), (CONCENTRATED, "5m")):
            record_property(
                "alerts",
                f"error-spike: first bad completion to {dict(labels)['alertname']}: "
                f"{pack.first(labels).at - first:.1f} s at 1/{FACTOR} of the durations (rule for: {wait})",
            )
