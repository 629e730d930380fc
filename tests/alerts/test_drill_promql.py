"""A drill finds the metrics of an expression without a parser: it must find those that a parser finds."""

from __future__ import annotations

import pytest

from exporter.alerts.drill import promql
from exporter.alerts.drill.rules import load, shipped_rules
from tests.alerts import promql as parser

RULES = load(shipped_rules())
EXPRESSIONS = sorted({*(record.expr for record in RULES.records), *(alert.expr for alert in RULES.alerts)})


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_metrics_of_every_shipped_rule_are_found(expression: str) -> None:
    assert promql.metrics(expression) == parser.metrics(expression)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_renaming_every_metric_renames_nothing_else(expression: str) -> None:
    names = {name: f"x2:{name}" for name in promql.metrics(expression)}
    renamed = promql.rename(expression, names)
    assert parser.metrics(renamed) == set(names.values())
    assert promql.rename(renamed, {new: old for old, new in names.items()}) == expression


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("up", {"up"}),
        ('up{job="sum"}', {"up"}),
        ("a{x=\"}\", y='b'} + c{z=`{d}`}", {"a", "c"}),
        ("sum by (a) (b)", {"b"}),
        ("sum(b) by (a)", {"b"}),
        ("sum without(a, c) (b)", {"b"}),
        ("a * on (b, c) group_left (d) e", {"a", "e"}),
        ("a unless ignoring(b) c", {"a", "c"}),
        ("rate(a[5m] offset 1h) > bool 2", {"a"}),
        ("max_over_time(a:b:c[1h:30s])", {"a:b:c"}),
        ("a # and b\n+ c", {"a", "c"}),
        ("1e3 * 0x1F + Inf - NaN + a", {"a"}),
        ("count_values('v', a)", {"a"}),
        ("topk(3, a) OR b", {"a", "b"}),
        ("a @ start() + b @ 1609746000", {"a", "b"}),
        (":a:b", {":a:b"}),
        ("time() - a", {"a"}),
    ],
)
def test_metrics_are_told_from_everything_else(expression: str, found: set[str]) -> None:
    assert promql.metrics(expression) == found


def test_renaming_leaves_labels_strings_and_functions_alone() -> None:
    text = 'sum by (a) (rate(a{a="a"}[1m])) / on (a) group_left () b  # a'
    assert promql.rename(text, {"a": "z"}) == 'sum by (a) (rate(z{a="a"}[1m])) / on (a) group_left () b  # a'
