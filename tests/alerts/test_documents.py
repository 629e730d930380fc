"""Each check of pages and templates can fail: what it says of those that are wrong."""

from __future__ import annotations

from textwrap import indent
from typing import Final

import pytest

from tests.alerts import documents, rulefiles, templates, vocabulary

RULES: Final = [rule for file in rulefiles.rule_files() for rule in file.rules]
IN_PAGES: Final = vocabulary.with_alerts(vocabulary.vocabulary(RULES), RULES)

ALERT: Final = next(rule for rule in RULES if rule.name == "VLMRunErrorSpike")

TOP: Final = "# VLMRunErrorSpike\n\n**warning**, family errors, `for: 3m`, held for 10m after it ends\n\n"
RUNBOOK: Final = TOP + "\n".join(
    f"## {heading}\n\n{'   ```promql' if heading == 'Diagnosis' else '   ```'}\n   up\n   ```\n"
    for heading in documents.HEADINGS
)


@pytest.mark.parametrize(
    ("page", "problems"),
    [
        (RUNBOOK, []),
        (RUNBOOK[1:], ["does not begin with # VLMRunErrorSpike"]),
        (RUNBOOK.replace("warning", "critical"), ["does not say **warning** at the top"]),
        (RUNBOOK.replace("for: 3m", "for: 5m"), ["does not say `for: 3m` at the top"]),
        (RUNBOOK.replace("10m", "15m"), ["does not say held for 10m after it ends at the top"]),
        (
            RUNBOOK.replace("## Impact", "## Effect"),
            ["headings are Meaning, Effect, Diagnosis, Mitigation, False alarms"],
        ),
        (RUNBOOK.replace("promql", ""), ["Diagnosis has no promql block"]),
    ],
)
def test_a_bad_runbook_is_noticed(page: str, problems: list[str]) -> None:
    assert list(documents.check_runbook(page, ALERT)) == problems


@pytest.mark.parametrize(
    ("block", "problems"),
    [
        ('ALERTS{alertname="VLMRunErrorSpike",alertstate="firing"}', []),
        ("up\ndown", ["down: down: no such metric"]),
        ("up\n  == 0\n\ndown", ["down: down: no such metric"]),
        ("up up", ["up up: does not parse"]),
        ('ALERTS{alertname="VLMRunSpike"}', ["ALERTS has no alertname='VLMRunSpike'"]),
        ("rate(vlmrun_completions_total[5m])", ["a rate that does not say which are late"]),
        ("sum by (late) (rate(vlmrun_completions_total[5m]))", []),
        ('rate(vlmrun_completions_total{late="true"}[5m])', []),
    ],
)
def test_a_bad_query_on_a_page_is_noticed(block: str, problems: list[str]) -> None:
    page = "1. Look:\n\n" + indent(f"```promql\n{block}\n```", "   ")
    found = list(documents.check(page, IN_PAGES))
    assert len(found) == len(problems) and all(map(str.__contains__, found, problems)), found


def test_the_queries_of_a_template_are_found() -> None:
    template = '{{ with printf "a{b=%q,c=%q} > 1" $labels.b .Labels.c | query }}query{{ else }}{{ query "d" }}{{ end }}'
    assert list(templates.queries(template)) == ['a{b="of-an-alert",c="of-an-alert"} > 1', "d"]
