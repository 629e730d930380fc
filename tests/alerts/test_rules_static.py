"""What can be told of the rules, and of the pages about them, from their text alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest

from exporter.alerts import testing
from tests.alerts import documents, rulechecks, rulefiles, vocabulary
from tests.alerts.rulefiles import Group, Rule

FILES: Final = rulefiles.rule_files()
RULES: Final = [rule for file in FILES for rule in file.rules]
ALERTS: Final = [rule for rule in RULES if rule.alerting]
TESTS: Final = rulefiles.unit_tests()
KNOWN: Final = vocabulary.vocabulary(RULES)
IN_PAGES: Final = vocabulary.with_alerts(KNOWN, RULES)
PAGES: Final = documents.pages()

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.title)
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule.title)


def test_there_is_a_rule_file_for_each_family_of_alerts(record_property: Any) -> None:
    assert sorted(file.family for file in FILES) == sorted(rulechecks.FAMILIES)
    record_property("alerts", f"rules: {len(RULES) - len(ALERTS)} recording, {len(ALERTS)} alerting")


@each_rule
def test_a_rule_is_right_as_far_as_its_text_tells(rule: Rule) -> None:
    assert list(rulechecks.check(rule, KNOWN)) == []


@each_alert
def test_an_alert_has_a_case_where_it_fires_and_one_where_it_is_silent(alert: Rule) -> None:
    assert list(rulechecks.check_tests(alert, TESTS)) == []


@pytest.mark.parametrize("group", [group for file in FILES for group in file.groups], ids=lambda group: group.name)
def test_a_group_is_evaluated_often_enough(group: Group) -> None:
    assert list(rulechecks.check_group(group)) == []


def test_rules_can_be_told_apart() -> None:
    assert list(rulechecks.check_names(FILES)) == []


@each_alert
def test_an_alert_has_a_runbook(alert: Rule) -> None:
    page = documents.RUNBOOKS / f"{alert.name}.md"
    assert list(documents.check_runbook(page.read_text("utf-8"), alert)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_queries_of_a_page_are_right(page: Path) -> None:
    assert list(documents.check(page.read_text("utf-8"), IN_PAGES)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_speaks_of_alerts_that_there_are(page: Path) -> None:
    text = f"{page.stem} {page.read_text('utf-8')}"
    assert set(re.findall(r"\bVLMRun[A-Z]\w+", text)) <= {testing.ALERT, *(rule.name for rule in ALERTS)}
