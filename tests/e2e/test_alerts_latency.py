"""Short answers that take long: one ticket for a model and skill, with the slowest completions in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exporter.models import SECOND, Status
from tests.e2e.alertpack import FACTOR, Record, alert, alert_pack, told

MODEL, SKILL = "vlmrun-orion-1:pro", "document.invoice"
SLOW = alert("VLMRunSlowLowTokenCompletions", "warning", "latency", source="completions", model=MODEL, skill=SKILL)

THRESHOLDS = {
    "min_duration": "1h",
    "overrides": [{"model": MODEL, "skill": SKILL, "min_duration": "10s", "alert_ratio": 0.8}],
}
"""Only of the most frequent skill something is slow: whether a rare one is, thrice in a window, is chance. Slow ones of
before go on to finish for a minute, half an hour for the rules: with 0.8, they are soon outnumbered, and stay so."""

WITHOUT_FIRST_TOKEN: Mapping[str, Any] = {"completions": {"fields": {"time_to_first_token": []}}}
"""Whether the first token comes late is judged against a day; there is none here, and half of one in a slow run."""

BEFORE = 5
"""Evaluations of ordinary traffic."""


def test_slow_low_token(tmp_path: Path, record_property: Record) -> None:
    with alert_pack(tmp_path, traffic={"rate": 0.1}, sources=WITHOUT_FIRST_TOKEN, slow_low_token=THRESHOLDS) as pack:
        pack.evaluate(BEFORE)
        pack.play("slow-low-token")
        firing = told("firing", SLOW)
        pack.hears(firing)
        pack.play("steady")

        news = pack.first(SLOW)
        low = [item for item in pack.items() if item.status is Status.SUCCESS and (item.output_tokens or 0) <= 128]
        slow = [item for item in low if (item.model, item.skill) == (MODEL, SKILL) and item.duration > 10 * SECOND]
        culprits = pack.culprits(news)
        assert all(item in slow for item in culprits)
        assert culprits == sorted(culprits, key=lambda item: -item.duration)
        assert pack.rendered("/slack/ticket", culprits)

        pack.hears_only(firing + told("resolved", SLOW))
        first = min(item.finished for item in slow) / SECOND
        record_property(
            "alerts",
            f"slow-low-token: first bad completion to notification: {news.at - first:.1f} s at 1/{FACTOR} of the "
            "durations (rule for: 5m, after 3 slow ones, which take 15 to 60 s as ever)",
        )
