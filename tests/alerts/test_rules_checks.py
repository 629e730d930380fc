"""Each check of the rules can fail: what it says of rules, queries and pages that are wrong."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.alerts import querychecks, rulechecks, rulefiles, vocabulary
from tests.alerts.rulefiles import Case, Group, Rule, RuleFile, UnitTest

RULES: Final = [rule for file in rulefiles.rule_files() for rule in file.rules]
KNOWN: Final = vocabulary.vocabulary(RULES)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("sum(", "does not parse: "),
        ("vlmrun_completion_total > 0", "vlmrun_completion_total: no such metric"),
        ('ALERTS{alertname="VLMRunErrorSpike"} > 0', "ALERTS: no such metric"),
        ("vlmrun_completion_duration_seconds > 0", "vlmrun_completion_duration_seconds: no such metric"),
        ('{job="vlmrun-exporter"} > 0', '{job="vlmrun-exporter"}: no such metric'),
        ('vlmrun_exporter_source_up{model="m"} == 0', "vlmrun_exporter_source_up has no label model"),
        ('vlmrun_exporter_source_up{source="chats"} == 0', "vlmrun_exporter_source_up has no source='chats'"),
        (
            'rate(vlmrun_completions_total{late="false",status=~"error|failed"}[5m])',
            "vlmrun_completions_total has no status='failed'",
        ),
        ('vlmrun_worst_completion_value{reason="slow"}', "vlmrun_worst_completion_value has no reason='slow'"),
        (
            'increase(vlmrun_exporter_api_requests_total{code="4xx"}[5m])',
            "vlmrun_exporter_api_requests_total has no code='4xx'",
        ),
        ('vlmrun_exporter_coverage_gap_seconds{state="closed"}', "has no state='closed'"),
        ("max by (model) (vlmrun_exporter_source_up)", "by (model): no model among account, instance, job, source"),
        ("max without (model) (vlmrun_exporter_source_up)", "without (model): no model among"),
        (
            "vlmrun_exporter_source_up / on (budget) vlmrun_exporter_poll_interval_seconds",
            "/ on (budget): no budget among account, instance, job, source",
        ),
        (
            "vlmrun_exporter_source_up * on (account) group_left (plan) vlmrun_exporter_auth_ok",
            "group_left or group_right: no plan among account, instance, job",
        ),
        (
            "vlmrun_exporter_source_up and vlmrun_exporter_auth_ok",
            "and without on (…) of account, instance, job, source and account, instance, job: never match",
        ),
        (
            'histogram_quantile(0.9, rate(vlmrun_completion_cost_credits_sum{late="false"}[5m]))',
            "histogram_quantile of what has no le",
        ),
        ("rate(vlmrun_exporter_source_up[5m])", "rate of vlmrun_exporter_source_up, which is no counter"),
        (
            "rate(account:vlmrun_completion_credits:rate1h[5m])",
            "rate of account:vlmrun_completion_credits:rate1h, which is no counter",
        ),
        (
            "increase(account:vlmrun_completion_credits:rate1h[1h:1m])",
            "increase of account:vlmrun_completion_credits:rate1h, which is no counter",
        ),
        ("delta(vlmrun_exporter_polls_total[5m])", "delta of vlmrun_exporter_polls_total, which is a counter"),
        ("vlmrun_exporter_polls_total > 5", "vlmrun_exporter_polls_total is a counter: its value says nothing"),
        ("sum(rate(vlmrun_completions_total[5m]))", 'vlmrun_completions_total: a rate without late="false"'),
        (
            'rate(vlmrun_low_token_completions_total{late!="true"}[5m])',
            'vlmrun_low_token_completions_total: a rate without late="false"',
        ),
    ],
)
def test_a_bad_query_is_noticed(query: str, problem: str) -> None:
    (found,) = querychecks.check(query, KNOWN)
    assert problem in found


@pytest.mark.parametrize(
    "query",
    [
        'max by (account) (vlmrun_completions_total{late="false"}) * 0 + 0.01',
        "absent(vlmrun_exporter_polls_total)",
        'rate(vlmrun_exporter_api_requests_total{code=~"5.."}[5m])',
        'sum by (le) (rate(vlmrun_completion_cost_credits_bucket{late="false",le="0.1"}[5m]))',
        'vlmrun_exporter_source_up{job="vlmrun-exporter",source="of-an-alert"}',
        'vlmrun_exporter_source_up{source=~"(comple|execu)tions|requests"}',
    ],
)
def test_a_good_query_is_let_through(query: str) -> None:
    assert list(querychecks.check(query, KNOWN)) == []


@pytest.mark.parametrize(
    ("series", "problems"),
    [
        ('vlmrun_completions_total{account="a",status="error"}', []),
        ('vlmrun_completion_total{account="a"}', ["vlmrun_completion_total: no such metric"]),
        ('vlmrun_completions_total{late="0",list="a"}', ["has no late='0'", "has no label list"]),
        ("vlmrun_completions_total{", ["does not parse"]),
    ],
)
def test_a_series_that_there_cannot_be_is_noticed(series: str, problems: list[str]) -> None:
    found = list(querychecks.check_names(series, KNOWN))
    assert len(found) == len(problems) and all(map(str.__contains__, found, problems)), found


GOOD: Final = """
alert: VLMRunAuthFailed
expr: max by (account) (vlmrun_exporter_auth_ok) == 0
for: 3m
labels: {severity: critical, family: exporter}
annotations:
  summary: The key of {{ $labels.account }} is refused.
  description: For more than 3m.
  runbook_url: https://example.org/docs/runbooks/VLMRunAuthFailed.md
  dashboard_url: https://example.org/d/vlmrun-exporter
"""


def rule(**changes: Any) -> Rule:
    """Return the good alert with changes, those of annotations by the annotation's name; ``wait`` is its ``for``."""
    written = yaml.safe_load(GOOD)
    for name, value in changes.items():
        (written["annotations"] if name in rulechecks.ANNOTATIONS else written)["for" if name == "wait" else name] = (
            value
        )
    return _parsed(written)


def record(name: str) -> Rule:
    """Return a recording rule whose result has the label account."""
    return _parsed({"record": name, "expr": "max by (account) (vlmrun_exporter_auth_ok)"})


def _parsed(written: dict[str, Any]) -> Rule:
    group = {"name": "g", "interval": "30s", "rules": [written]}
    return rulefiles.parse("exporter", yaml.safe_dump({"groups": [group]})).rules[0]


@pytest.mark.parametrize("good", [rule(), record("account:a:b")])
def test_a_good_rule_is_let_through(good: Rule) -> None:
    assert list(rulechecks.check(good, KNOWN)) == []


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (rule(expr="max by ("), "expr: does not parse"),
        (rule(expr="max by (account) (vlmrun_exporter_auth)"), "expr: vlmrun_exporter_auth: no such metric"),
        (rule(expr="max by (account) (vlmrun_exporter_auth_ok)"), "vlmrun_exporter_auth_ok{}: no comparison"),
        (rule(expr="max by (account) (vlmrun_exporter_auth_ok) == bool 0"), "bool chooses nothing"),
        (
            rule(expr="max by (account) (vlmrun_exporter_auth_ok) == 0 or max by (account) (vlmrun_exporter_auth_ok)"),
            "vlmrun_exporter_auth_ok{}: no comparison",
        ),
        (rule(alert="VLMRun_auth_failed"), "VLMRun_auth_failed is not VLMRun and words in CamelCase"),
        (rule(alert="AuthFailed"), "AuthFailed is not VLMRun and words in CamelCase"),
        (rule(labels={"family": "exporter"}), "severity None is none of critical, warning, info"),
        (rule(labels={"severity": "page", "family": "exporter"}), "severity page is none of critical, warning, info"),
        (rule(labels={"severity": "info", "family": "auth"}), "family auth is none of errors, latency"),
        (rule(labels={"severity": "info", "family": "errors"}), "family errors in exporter.rules.yml"),
        (
            rule(labels={"severity": "info", "family": "exporter", "is": "{{ $value }}"}),
            "label is has the value in it: each value would be another alert",
        ),
        (
            rule(labels={"severity": "info", "family": "exporter", "is": "{{ .Value }}"}),
            "label is has the value in it: each value would be another alert",
        ),
        (rule(annotations={"summary": "s"}), "annotations are summary"),
        (rule(summary="The {{ $labels.source }} fail."), "summary has more in it than the account"),
        (rule(summary="{{ $value }} of {{ $labels.account }} fail."), "summary has more in it than the account"),
        (rule(summary='Of {{ query "time()" }}'), "summary has more in it than the account"),
        (rule(description="Now and then."), "description has no number: neither threshold nor window"),
        (
            rule(description="For 3m, with {{ $labels.model }}"),
            "description speaks of label model, which the alert has",
        ),
        (rule(description='{{ query "up{" }}'), "description: up{: does not parse"),
        (rule(description='{{ printf "up{job=%q}" $labels.account | query }} {{ query "down" }}'), "no such metric"),
        (rule(description="{{ printf \"up{job='%s'}\" $labels.account | query }}"), "description: ['%s'] do not take"),
        (rule(description='{{ printf "up{job=%q}" | query }}'), "description: ['%q'] do not take []"),
        (rule(description='{{ $q := "up" }}{{ query $q }}'), "description: a query that cannot be told"),
        (rule(runbook_url="https://example.org/docs/runbooks/VLMRunAuth.md"), "runbook_url does not end in"),
        (rule(dashboard_url="https://example.org/d/exporter"), "dashboard_url is not that of a dashboard"),
        (rule(wait="90s"), "for: 90s is not in whole minutes"),
        (rule(keep_firing_for="90s"), "keep_firing_for: 90s is not in whole minutes"),
        (record("account:a"), "account:a is not level:metric:operations"),
        (record("account_source:a:b"), "account_source:a:b has the labels account"),
    ],
)
def test_a_bad_rule_is_noticed(bad: Rule, problem: str) -> None:
    found = list(rulechecks.check(bad, KNOWN))
    assert [each for each in found if problem in each], found


@pytest.mark.parametrize(
    ("group", "problem"),
    [
        (Group("g", "", ()), "group g has no interval"),
        (Group("g", "5m", ()), "group g: every 5m is less often than every 2m"),
    ],
)
def test_a_bad_group_is_noticed(group: Group, problem: str) -> None:
    assert list(rulechecks.check_group(group)) == [problem]


def file(*rules: Rule) -> RuleFile:
    return RuleFile(rules[0].family, (Group("g", "30s", rules),))


@pytest.mark.parametrize(
    ("files", "problems"),
    [
        ([file(rule(), rule(labels={"severity": "info", "family": "exporter"}))], []),
        ([file(rule(), rule())], ["VLMRunAuthFailed critical: 2 rules of this name and these labels"]),
        (
            [file(rule()), file(replace(rule(labels={"severity": "info"}), family="errors"))],
            ["VLMRunAuthFailed: in 2 rule files"],
        ),
    ],
)
def test_rules_that_cannot_be_told_apart_are_noticed(files: list[RuleFile], problems: list[str]) -> None:
    assert list(rulechecks.check_names(files)) == problems


def unit_test(*fires: Collection[str], families: tuple[str, ...] = ("exporter",)) -> UnitTest:
    """Return a test of the good alert whose cases expect alerts of these severities."""
    cases = [
        Case("VLMRunAuthFailed", tuple({"exp_labels": {"severity": each, "family": "exporter"}} for each in severities))
        for severities in fires
    ]
    trial = rulefiles.Trial("t", yaml.ScalarNode("", ""), tuple(cases), ())
    return UnitTest(Path("VLMRunAuthFailed.test.yml"), families, {}, (trial,))


@pytest.mark.parametrize(
    ("tests", "problems"),
    [
        ([unit_test(["critical"], [])], []),
        ([unit_test(["critical"], ["warning"])], []),
        ([], ["no rules/tests/VLMRunAuthFailed.test.yml"]),
        ([unit_test([])], ["VLMRunAuthFailed.test.yml: no case where it fires with its labels"]),
        ([unit_test(["warning"])], ["VLMRunAuthFailed.test.yml: no case where it fires with its labels"]),
        ([unit_test(["critical", "warning"])], ["VLMRunAuthFailed.test.yml: no case where it is silent"]),
        (
            [unit_test(["critical"], [], families=("errors",))],
            ["VLMRunAuthFailed.test.yml does not load exporter.rules.yml"],
        ),
    ],
)
def test_an_alert_without_tests_is_noticed(tests: list[UnitTest], problems: list[str]) -> None:
    assert list(rulechecks.check_tests(rule(), tests)) == problems
