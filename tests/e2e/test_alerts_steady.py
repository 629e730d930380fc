"""Ordinary traffic tells nobody anything."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.alertpack import alert_pack

EVALUATIONS = 80
"""40 minutes for the rules, 80 s here."""


def test_steady(tmp_path: Path) -> None:
    with alert_pack(tmp_path, budgets=[{"name": "daily", "credits": 5_000_000, "period": "day"}]) as pack:
        pack.evaluate(EVALUATIONS)
        counted = pack.prometheus.value('sum(increase(vlmrun_completions_total{late="false"}[120s]))')
        assert (counted or 0) > 500
        assert pack.prometheus.value("count(account_source:vlmrun_completion_errors_per_completions:ratio_rate3d)") == 3
        pack.hears_only([])
        assert not pack.receiver.deliveries()
