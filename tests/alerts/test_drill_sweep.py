"""Other thresholds: which rules they change, and that nothing but names changes in those."""

from __future__ import annotations

import pytest

from exporter.alerts.drill import promql, sweep
from exporter.alerts.drill.rules import load, shipped_rules

RULES = load(shipped_rules())


@pytest.mark.parametrize(
    ("key", "alerts"),
    [
        ("slo.error_ratio", {"VLMRunErrorBudgetBurnFast", "VLMRunErrorBudgetBurnSlow"}),
        ("slow_low_token.alert_ratio", {"VLMRunSlowLowTokenCompletions"}),
        (
            "budgets[].credits",
            {
                "VLMRunCreditBurnFast",
                "VLMRunCreditBurnSlow",
                "VLMRunCreditBudgetExhaustionProjected",
                "VLMRunCreditBudgetExhausted",
            },
        ),
    ],
)
def test_a_key_changes_the_alerts_that_read_it_in_the_end(key: str, alerts: set[str]) -> None:
    variants = [variant for variant in sweep.variants(RULES) if variant.key == key]
    assert [variant.factor for variant in variants] == list(sweep.FACTORS)
    assert [{alert.name for alert in variant.affected} for variant in variants] == [alerts] * len(sweep.FACTORS)


def test_in_a_variant_only_names_change() -> None:
    for variant in sweep.variants(RULES):
        prefix = f"x{variant.factor:g}:".replace(".", "_")
        for changed, original in zip(variant.alerts, variant.affected, strict=True):
            assert changed.expr != original.expr
            assert changed.expr.replace(prefix, "") == original.expr
            assert (changed.hold, changed.keep, changed.labels) == (original.hold, original.keep, original.labels)


def test_a_variant_records_whatever_comes_from_the_copy_and_nothing_else() -> None:
    copies = {name for names in sweep.copies().values() for name in names}
    known = {record.name for record in RULES.records} | RULES.metrics()
    for variant in sweep.variants(RULES):
        made = {record.name for record in variant.records}
        assert not made & known
        for expr in [record.expr for record in variant.records] + [alert.expr for alert in variant.alerts]:
            assert promql.metrics(expr) & (made | copies)
            assert promql.metrics(expr) <= known | made | copies
