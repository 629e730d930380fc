"""What can be wrong with rules: each check yields its problems, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from promql_parser import parse_duration

from tests.alerts import inference, promql, querychecks, templates
from tests.alerts.inference import Labels
from tests.alerts.rulefiles import Group, Rule, RuleFile, UnitTest
from tests.alerts.vocabulary import Metric, level

SEVERITIES: Final = ("critical", "warning", "info")
FAMILIES: Final = ("errors", "latency", "credits", "exporter")
ANNOTATIONS: Final = {"summary", "description", "runbook_url", "dashboard_url"}
LONGEST_INTERVAL: Final = 120
"""In seconds. A sample is seen for five minutes: a group that takes longer has gaps when it is late."""

_RECORD: Final = re.compile(r"[a-z]+(_[a-z]+)*:[a-z][a-z0-9_]*:[a-z][a-z0-9_]*")
_ALERT: Final = re.compile(r"VLMRun([A-Z][a-z]+)+")
_LABEL: Final = re.compile(r"\$labels\.(\w+)|\.Labels\.(\w+)")


def check(rule: Rule, known: Mapping[str, Metric]) -> Iterator[str]:
    """Yield every problem of a rule that it has by itself."""
    for problem in querychecks.check(rule.expr, known):
        yield f"expr: {problem}"
    try:
        expr = promql.read(rule.expr)
    except ValueError:
        return
    if not rule.alerting:
        labels = Labels(known).of(expr)
        if not _RECORD.fullmatch(rule.name):
            yield f"{rule.name} is not level:metric:operations"
        elif labels is not None and labels != level(rule.name):
            yield f"{rule.name} has the labels {', '.join(sorted(labels))}"
        return
    yield from inference.selected(expr)
    if not _ALERT.fullmatch(rule.name):
        yield f"{rule.name} is not VLMRun and words in CamelCase"
    yield from _labels(rule)
    yield from _annotations(rule, known)
    for name, written in (("for", rule.wait), ("keep_firing_for", rule.keep_firing_for)):
        if written and parse_duration(written).total_seconds() % 60:
            yield f"{name}: {written} is not in whole minutes"


def check_group(group: Group) -> Iterator[str]:
    """Yield what is wrong with a group: how often it is evaluated."""
    if not group.interval:
        yield f"group {group.name} has no interval"
    elif parse_duration(group.interval).total_seconds() > LONGEST_INTERVAL:
        yield f"group {group.name}: every {group.interval} is less often than every 2m"


def check_names(files: Sequence[RuleFile]) -> Iterator[str]:
    """Yield rules that cannot be told apart, and alerts of one name in two families."""
    rules = [rule for file in files for rule in file.rules]
    for title, times in Counter(rule.title for rule in rules).items():
        if times > 1:
            yield f"{title}: {times} rules of this name and these labels"
    families = {(rule.name, rule.family) for rule in rules}
    for name, times in Counter(name for name, _ in families).items():
        if times > 1:
            yield f"{name}: in {times} rule files"


def check_tests(rule: Rule, tests: Collection[UnitTest]) -> Iterator[str]:
    """Yield what the unit tests of an alert lack: a case that fires, a case that is silent."""
    name = f"{rule.name}.test.yml"
    test = next((test for test in tests if test.path.name == name), None)
    if test is None:
        yield f"no rules/tests/{name}"
        return
    if rule.family not in test.families:
        yield f"{name} does not load {rule.family}.rules.yml"
    fires = [
        any(rule.labels.items() <= alert.get("exp_labels", {}).items() for alert in case.alerts)
        for case in test.cases
        if case.alertname == rule.name
    ]
    if True not in fires:
        yield f"{name}: no case where it fires with its labels"
    if False not in fires:
        yield f"{name}: no case where it is silent"


def _labels(rule: Rule) -> Iterator[str]:
    severity, family = rule.labels.get("severity"), rule.labels.get("family")
    if severity not in SEVERITIES:
        yield f"severity {severity} is none of {', '.join(SEVERITIES)}"
    if family not in FAMILIES:
        yield f"family {family} is none of {', '.join(FAMILIES)}"
    if family != rule.family:
        yield f"family {family} in {rule.family}.rules.yml"
    for label, value in rule.labels.items():
        if "$value" in value or ".Value" in value:
            yield f"label {label} has the value in it: each value would be another alert"


def _annotations(rule: Rule, known: Mapping[str, Metric]) -> Iterator[str]:
    if rule.annotations.keys() != ANNOTATIONS:
        yield f"annotations are {', '.join(sorted(rule.annotations))}"
        return
    there = (Labels(known).of(promql.read(rule.expr)) or frozenset()) | rule.labels.keys()
    for name, text in rule.annotations.items():
        for label in re.findall(r"\$labels\.(\w+)", text):
            if label not in there:
                yield f"{name} speaks of label {label}, which the alert has not"
        try:
            queries = list(templates.queries(text))
        except ValueError as error:
            yield f"{name}: {error}"
            continue
        for query in queries:
            for problem in querychecks.check(query, known):
                yield f"{name}: {query}: {problem}"
    summary, description = rule.annotations["summary"], rule.annotations["description"]
    named = {first or second for first, second in _LABEL.findall(summary)}
    if (named and named != {"account"}) or "$value" in summary or "query" in summary:
        yield "summary has more in it than the account, which is what its group shares"
    if not re.search(r"\d|\bquery\b", description):
        yield "description has no number: neither threshold nor window"
    if not rule.annotations["runbook_url"].endswith(f"/docs/runbooks/{rule.name}.md"):
        yield f"runbook_url does not end in /docs/runbooks/{rule.name}.md"
    if "/d/vlmrun-" not in rule.annotations["dashboard_url"]:
        yield "dashboard_url is not that of a dashboard: /d/vlmrun-…"
