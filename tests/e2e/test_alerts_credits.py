"""Credits that burn: one page, with the most expensive completions in it, while most of the budget is still there.

Which alerts are to be expected of a test that lasts some 45 minutes, for the rules:

* VLMRunCreditBurnFast: 14.4 times the pace over an hour and over 15 minutes. The budget is so small that ordinary
  traffic goes at 4 times its pace already, so that this takes 10 minutes of 20 times as much.
* Not VLMRunCreditBurnSlow: it needs 1.5 times the pace over a day, which is 36 hours' worth; here 20 are spent.
* Neither VLMRunCreditBudgetExhaustionProjected, which needs a tenth of the budget to be spent (here 3% are), nor
  VLMRunCreditBudgetExhausted.
* Not VLMRunCostPerCompletionJump: it compares with the day before the last hour, when there was nothing.
"""

from __future__ import annotations

from pathlib import Path

from exporter.models import SECOND
from exporter.simulator.items import Source
from tests.e2e.alertpack import FACTOR, Record, alert, alert_pack, told

BURN = alert("VLMRunCreditBurnFast", "critical", "credits", budget="daily")

USUAL = 30.0
"""Credits a second of this traffic in ordinary times."""

BUDGET = {"name": "daily", "credits": round(USUAL / 4 * 86_400), "period": "day"}

BEFORE = 8
"""Evaluations of ordinary traffic."""


def test_credit_burn(tmp_path: Path, record_property: Record) -> None:
    with alert_pack(tmp_path, budgets=[BUDGET]) as pack:
        pack.evaluate(BEFORE)
        began = pack.play("credit-burn")
        firing = told("firing", BURN)
        pack.hears(firing)
        pack.play("steady")

        news = pack.first(BURN)
        culprits = pack.culprits(news)
        # The three most expensive of what was known when it was told, or a few seconds before.
        known = [
            item.credits or 0
            for source in Source
            for item in pack.items(source)
            if item.finished < (news.at - 8) * SECOND
        ]
        assert len(culprits) == 3
        for item, least in zip(culprits, sorted(known, reverse=True), strict=False):
            assert (item.credits or 0) >= least
        assert pack.rendered("/slack/page", culprits)
        assert pack.rendered("/pagerduty/page", culprits)

        pack.hears_only(firing + told("resolved", BURN))
        first = min(item.finished for item in pack.items() if item.started >= began * SECOND) / SECOND
        record_property(
            "alerts",
            f"credit-burn: first bad completion to notification: {news.at - first:.1f} s at 1/{FACTOR} of the "
            "durations (rule for: 2m, after 14.4 times the pace over 1h)",
        )
