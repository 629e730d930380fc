"""Who is told of which alert: every alert of the pack has its row here, and amtool and Alertmanager route it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.alertmanager import EXAMPLE, TEST, Kind, example, pack, quiet
from tests.e2e.alertmanager import Alertmanager, alertmanager
from tests.e2e.process import write
from tests.e2e.waiting import until
from tests.realservers import require

PAGE = "webhook,page"
TICKET = "webhook,ticket"
NOBODY = "webhook,none"

RECEIVERS = {
    "VLMRunErrorBudgetBurnFast/critical": PAGE,
    "VLMRunErrorBudgetBurnSlow/warning": TICKET,
    "VLMRunErrorSpike/warning": TICKET,
    "VLMRunSkillErrorsConcentrated/warning": TICKET,
    "VLMRunSlowLowTokenCompletions/warning": TICKET,
    "VLMRunTimeToFirstTokenRegression/warning": TICKET,
    "VLMRunOutputTokensAnomaly/info": NOBODY,
    "VLMRunCreditBurnFast/critical": PAGE,
    "VLMRunCreditBurnSlow/warning": TICKET,
    "VLMRunCreditBudgetExhaustionProjected/critical": PAGE,
    "VLMRunCreditBudgetExhaustionProjected/warning": TICKET,
    "VLMRunCreditBudgetExhausted/critical": PAGE,
    "VLMRunCostPerCompletionJump/warning": TICKET,
    "VLMRunExporterDown/critical": PAGE,
    "VLMRunDataStale/critical": PAGE,
    "VLMRunAuthFailed/critical": PAGE,
    "VLMRunRateLimited/warning": TICKET,
    "VLMRunRowsRejected/warning": TICKET,
    "VLMRunCoverageGap/warning": TICKET,
    "VLMRunRowsBeyondLateness/warning": TICKET,
    "VLMRunCatchUpInProgress/info": NOBODY,
    "VLMRunLabelOverflow/warning": TICKET,
    "VLMRunLedgerRolledBack/critical": PAGE,
    "VLMRunConfigReloadFailed/warning": TICKET,
    "VLMRunExporterTaskFailed/warning": TICKET,
    "VLMRunTestAlert/critical": PAGE,
    "VLMRunTestAlert/warning": TICKET,
    "VLMRunTestAlert/info": NOBODY,
}

OTHERS = [
    ({"alertname": "NodeDown", "severity": "critical"}, "default"),
    ({"alertname": "NodeDown", "severity": "critical", "family": "errors", "account": "acme"}, "default"),
    ({"alertname": "NotVLMRunDown", "severity": "critical"}, "default"),
    ({"alertname": "VLMRunOfYourOwn", "severity": "page"}, TICKET),
    ({"alertname": "VLMRunOfYourOwn"}, TICKET),
]
"""Alerts of no rule file."""


def reached(labels: dict[str, str], receivers: str) -> subprocess.CompletedProcess[str]:
    """Ask amtool whether an alert reaches exactly these receivers."""
    return subprocess.run(
        [
            require("amtool"),
            "config",
            "routes",
            "test",
            f"--config.file={EXAMPLE}",
            f"--verify.receivers={receivers}",
            *(f"{name}={value}" for name, value in labels.items()),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_every_alert_has_a_row() -> None:
    assert RECEIVERS.keys() == pack().keys() | TEST.keys()


@pytest.mark.parametrize(("name", "receivers"), RECEIVERS.items())
def test_an_alert_reaches_its_receivers(name: str, receivers: str) -> None:
    kind = (pack() | TEST)[name]
    done = reached(kind.labels(account="acme"), receivers)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("labels", "receivers"), OTHERS)
def test_an_alert_of_no_rule_file_reaches_its_receivers(labels: dict[str, str], receivers: str) -> None:
    done = reached(labels, receivers)
    assert done.returncode == 0, done.stdout


# When: the first time, after a change, and again. No program tells.


MATCHER = re.compile(r'(\w+) (=~|=) "(.*)"')


def matches(matcher: str, labels: Mapping[str, str]) -> bool:
    found = MATCHER.fullmatch(matcher)
    assert found, matcher
    name, operator, value = found.groups()
    return labels.get(name, "") == value if operator == "=" else bool(re.fullmatch(value, labels.get(name, "")))


def settings(route: Mapping[str, Any], labels: Mapping[str, str]) -> Mapping[str, Any]:
    """All that holds for an alert on its way to a person: what a route does not say is as in the one above."""
    for child in route.get("routes", []):
        if "continue" not in child and all(matches(matcher, labels) for matcher in child.get("matchers", [])):
            return {**route, **settings(child, labels)}
    return route


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("VLMRunErrorBudgetBurnFast/critical", ("10s", "5m", "4h")),
        ("VLMRunExporterDown/critical", ("10s", "5m", "4h")),
        ("VLMRunCreditBudgetExhausted/critical", ("10s", "5m", "24h")),
        ("VLMRunErrorSpike/warning", ("30s", "5m", "12h")),
        ("VLMRunTestAlert/critical", ("10s", "5m", "4h")),
    ],
)
def test_a_page_comes_fast_and_often_enough(name: str, times: tuple[str, str, str]) -> None:
    found = settings(example()["route"], (pack() | TEST)[name].labels())
    assert (found["group_wait"], found["group_interval"], found["repeat_interval"]) == times


# Groups: one of them is one notification.


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Alertmanager]:
    config = write(tmp_path / "alertmanager.yml", quiet())
    with alertmanager(require("alertmanager"), tmp_path, config) as running:
        yield running


def grouped(server: Alertmanager, receiver: str, alerts: list[dict[str, str]]) -> list[tuple[dict[str, str], int]]:
    """Post alerts; return the groups that they make for a receiver: labels, and how many alerts."""
    server.post([{"labels": labels} for labels in alerts])

    def routed() -> list[dict[str, Any]]:
        groups = [group for group in server.groups() if group["receiver"]["name"] == receiver]
        return groups if sum(len(group["alerts"]) for group in groups) == len(alerts) else []

    groups = until(routed, 60.0, f"all alerts are in groups for {receiver}")
    return sorted(((group["labels"], len(group["alerts"])) for group in groups), key=str)


def test_a_dead_exporter_is_one_page_however_many_accounts_it_has(server: Alertmanager) -> None:
    down = pack()["VLMRunExporterDown/critical"]
    alerts = [down.labels(instance=instance, account=account) for instance in "ab" for account in ("acme", "umbrella")]
    assert grouped(server, "page", alerts) == [
        ({"alertname": "VLMRunExporterDown", "instance": "a"}, 2),
        ({"alertname": "VLMRunExporterDown", "instance": "b"}, 2),
    ]


@pytest.mark.parametrize(
    ("name", "receiver"),
    [
        ("VLMRunErrorBudgetBurnFast/critical", "page"),
        ("VLMRunDataStale/critical", "page"),
        ("VLMRunSlowLowTokenCompletions/warning", "ticket"),
        ("VLMRunOutputTokensAnomaly/info", "none"),
    ],
)
def test_an_alert_of_an_account_is_one_notification(server: Alertmanager, name: str, receiver: str) -> None:
    kind: Kind = pack()[name]
    alerts = [kind.labels(account=account, source=source) for account in ("acme", "umbrella") for source in "ab"]
    assert grouped(server, receiver, alerts) == [
        ({"account": "acme", "alertname": kind.alertname}, 2),
        ({"account": "umbrella", "alertname": kind.alertname}, 2),
    ]


def test_the_log_gets_each_alert_by_itself(server: Alertmanager) -> None:
    kind = pack()["VLMRunErrorSpike/warning"]
    alerts = [kind.labels(account="acme", source=source) for source in "abc"]
    assert grouped(server, "webhook", alerts) == [(labels, 1) for labels in alerts]
