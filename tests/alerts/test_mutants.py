"""The mutants of a rule: which there are, that they mean what they say, and that catching them is what it is."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests import realservers
from tests.alerts import mutation, promql, rulefiles
from tests.alerts.mutants import mutants, unchanged
from tests.alerts.rulefiles import Rule, RuleFile

ALERT: Final = Rule(
    family="errors",
    group="g",
    name="VLMRunTooMany",
    alerting=True,
    expr="max by (account) (rate(a_total[1h])) > 2",
    wait="5m",
    keep_firing_for="10m",
    labels={"severity": "critical", "family": "errors", "gap": "open"},
    annotations={},
)


def changes(expr: str) -> dict[str, str]:
    """Return the expressions of a rule's mutants by what was changed."""
    rule = replace(ALERT, expr=expr, wait="", keep_firing_for="", labels={})
    return {mutant.change: mutant.mutated.expr for mutant in mutants(rule)}


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("a > 2", {"> to <": "(a < 2)", "2 to 3": "(a > 3)", "2 to 1.33333": "(a > 1.333333333)"}),
        ("a >= 0", {">= to <": "(a < 0)", "0 to 1": "(a >= 1)"}),
        ("a == b", {"== to !=": "(a != b)"}),
        ("a <= on (x) group_left () b", {"<= to >": "(a > on (x) group_left () b)"}),
        ("a and b and on (x) c", {"and to or": "((a and b) or on (x) c)", "and to or #2": "((a or b) and on (x) c)"}),
        ("a or on (x) b", {"or: its left side only": "a", "or: its right side only": "b"}),
        ("a unless on (x) b", {"unless to and": "(a and on (x) b)"}),
        ("a + b * c", {"+ to -": "(a - (b * c))", "* to /": "(a + (b / c))"}),
        ("(a - b) / c", {"/ to *": "((a - b) * c)", "- to +": "((a + b) / c)"}),
        ("-a * 2", {"* to /": "((-a) / 2)", "2 to 3": "((-a) * 3)", "2 to 1.33333": "((-a) * 1.333333333)"}),
        (
            'a{x="1",y!~"2|3"}',
            {'without {x="1"}': 'a{y!~"2|3"}', 'without {y!~"2|3"}': 'a{x="1"}'},
        ),
        (
            "rate(a[1h] offset 10m)",
            {
                "[1h] to [2h]": "rate(a[2h] offset 10m)",
                "[1h] to [30m]": "rate(a[30m] offset 10m)",
                "offset 10m to 20m": "rate(a[1h] offset 20m)",
                "offset 10m to 5m": "rate(a[1h] offset 5m)",
            },
        ),
        ("a offset 1m", {"offset 1m to 2m": "a offset 2m", "offset 1m to 30s": "a offset 30s"}),
        (
            "max_over_time(a[1h:1m])",
            {"[1h:1m] to [2h:1m]": "max_over_time(a[2h:1m])", "[1h:1m] to [30m:1m]": "max_over_time(a[30m:1m])"},
        ),
        (
            "sum by (x) (max without (y) (a))",
            {"sum to max": "max by (x) (max without (y) (a))", "max to sum": "sum by (x) (sum without (y) (a))"},
        ),
        (
            "quantile by (x) (0.5, a)",
            {"0.5 to 0.75": "quantile by (x) (0.75, a)", "0.5 to 0.333333": "quantile by (x) (0.3333333333, a)"},
        ),
        ("clamp_min(a, 4)", {"4 to 6": "clamp_min(a, 6)", "4 to 2.66667": "clamp_min(a, 2.666666667)"}),
    ],
)
def test_one_thing_is_changed_at_a_time(expr: str, expected: dict[str, str]) -> None:
    assert {change: str(promql.read(text)) for change, text in changes(expr).items()} == {
        change: str(promql.read(text)) for change, text in expected.items()
    }


def test_for_keep_firing_for_and_labels_are_changed() -> None:
    mutated = [mutant.mutated for mutant in mutants(ALERT) if not mutant.where]
    assert [(rule.wait, rule.keep_firing_for, *rule.labels.values()) for rule in mutated] == [
        ("10m", "10m", "critical", "errors", "open"),
        ("", "10m", "critical", "errors", "open"),
        ("5m", "20m", "critical", "errors", "open"),
        ("5m", "", "critical", "errors", "open"),
        ("5m", "10m", "warning", "errors", "open"),
        ("5m", "10m", "critical", "latency", "open"),
        ("5m", "10m", "critical", "errors", "other"),
    ]


@pytest.mark.parametrize("file", rulefiles.rule_files(), ids=lambda file: file.family)
def test_promtool_can_load_every_mutant(file: RuleFile, tmp_path: Path) -> None:
    found = [mutant.mutated for rule in file.rules for mutant in mutants(rule)]
    groups = [
        {"name": f"{place}", "rules": [mutated.yaml() | {"annotations": {}}]} for place, mutated in enumerate(found)
    ]
    (tmp_path / "all.rules.yml").write_text(json.dumps({"groups": groups}))
    promtool = realservers.require("promtool")
    done = subprocess.run([promtool, "check", "rules", "all.rules.yml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", rulefiles.rule_files(), ids=lambda file: file.family)
def test_no_mutant_is_the_rule_itself_or_another_one(file: RuleFile) -> None:
    for rule in file.rules:
        found = [json.dumps(mutated.yaml(), sort_keys=True) for mutated in (mutant.mutated for mutant in mutants(rule))]
        assert json.dumps(unchanged(rule).yaml(), sort_keys=True) not in found
        assert len({mutant.change for mutant in mutants(rule)}) == len(found)
        assert Counter(found).most_common(1)[0][1] == 1


TEST: Final = """
rule_files: [errors.rules.yml]
evaluation_interval: 1m
tests:
  - name: more than two
    interval: 1m
    input_series: [{series: 'a{account="x"}', values: 0x80}, {series: 'a{account="y"}', values: 3x80}]
    alert_rule_test:
      - {alertname: VLMRunTooMany, eval_time: 1m}
      - alertname: VLMRunTooMany
        eval_time: 6m
        exp_alerts: [{exp_labels: {severity: warning, family: errors, account: y}}]
"""


def hunted(expected: str = "6m") -> mutation.Hunt:
    """Hunt the mutants of a rule that asks for more than 2, with a unit test that asks for 0 and 3."""
    rules = {
        "alert": "VLMRunTooMany",
        "expr": "a > 2",
        "for": "2m",
        "labels": {"severity": "warning", "family": "errors"},
    }
    file = rulefiles.parse("errors", yaml.safe_dump({"groups": [{"name": "g", "rules": [rules]}]}))
    test = rulefiles.unit_test(Path("VLMRunTooMany.test.yml"), TEST.replace("6m", expected))
    return mutation.hunt(realservers.require("promtool"), [file], [test], file.rules)


def test_a_mutant_is_caught_by_the_trial_that_fails() -> None:
    found = hunted()
    assert {outcome.mutant.change for outcome in found.outcomes if outcome.caught_by} == {
        "> to <",
        "2 to 3",
        "for 2m removed",
        "label severity warning to critical",
        "label family errors to latency",
    }
    assert {outcome.caught_by for outcome in found.outcomes} == {"VLMRunTooMany.test.yml: more than two", ""}
    assert found.problems == [
        "VLMRunTooMany warning: 2 to 1.33333: (a > 1.333333333)",
        "VLMRunTooMany warning: for 2m to 4m",
    ]
    assert found.figures == "5 of 7 caught"


def test_a_trial_that_fails_anyway_catches_nothing() -> None:
    found = hunted(expected="30s")
    assert not any(outcome.caught_by for outcome in found.outcomes)
    assert found.problems[0].startswith("a trial fails without a mutant: VLMRunTooMany.test.yml: more than two")
