"""Who is quiet because of whom: every alert of the pack meets every other one in a real Alertmanager.

Each pair meets in an account of its own, so that nothing else plays a part, and four times: with equal labels, and with
another source, budget or account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

import pytest

from tests.alerts.alertmanager import TEST, Kind, pack, quiet
from tests.e2e.alertmanager import Alertmanager, alertmanager
from tests.e2e.process import write
from tests.e2e.waiting import until
from tests.realservers import require

OTHERS = {
    str(kind): kind
    for kind in (
        Kind("VLMRunOfYourOwn", "warning", "of-your-own", frozenset({"account", "source", "budget"})),
        Kind("VLMRunOfAllAccounts", "warning", "errors", frozenset()),
        Kind("VLMRunSlowPage", "critical", "latency", frozenset({"account", "source"})),
        Kind("VLMRunCreditNote", "info", "credits", frozenset({"account", "budget"})),
        Kind("ServiceFails", "warning", "errors", frozenset({"account", "source", "budget"})),
        Kind("ServiceDown", "critical", "errors", frozenset({"account", "source", "budget"})),
        Kind("ServiceSlow", "info", "latency", frozenset()),
        Kind("ServiceCosts", "warning", "credits", frozenset({"account", "budget"})),
        Kind("ServiceRuinous", "critical", "credits", frozenset({"account", "budget"})),
    )
}
"""Alerts of no rule file, with labels like those of the pack: of a team that adds to it, and of other services."""

ERROR_TICKETS = {
    "VLMRunErrorBudgetBurnSlow/warning",
    "VLMRunErrorSpike/warning",
    "VLMRunSkillErrorsConcentrated/warning",
}
LATENCY_TICKETS = {
    "VLMRunSlowLowTokenCompletions/warning",
    "VLMRunTimeToFirstTokenRegression/warning",
    "VLMRunOutputTokensAnomaly/info",
}
BUDGET_TICKETS = {
    "VLMRunCreditBurnSlow/warning",
    "VLMRunCreditBudgetExhaustionProjected/warning",
    "VLMRunCreditNote/info",
}
CREDIT_TICKETS = BUDGET_TICKETS | {"VLMRunCostPerCompletionJump/warning"}
TICKETS = ERROR_TICKETS | LATENCY_TICKETS | CREDIT_TICKETS
BUDGET_PAGES = {"VLMRunCreditBurnFast/critical", "VLMRunCreditBudgetExhaustionProjected/critical"}
PAGES = BUDGET_PAGES | {"VLMRunErrorBudgetBurnFast/critical", "VLMRunSlowPage/critical"}
EXHAUSTED = {"VLMRunCreditBudgetExhausted/critical"}
STALE = {"VLMRunDataStale/critical"}

Quiet = Mapping[str, set[str]]
"""Which alerts are quiet, by what is other about them than about their cause."""


def quieted(equal: set[str], *, source: set[str] | None = None, budget: set[str] | None = None) -> Quiet:
    """Say what an alert inhibits: in its account, and if its source or its budget is another, unless it is the same."""
    return {
        "nothing": equal,
        "source": equal if source is None else source,
        "budget": equal if budget is None else budget,
        "account": set(),
    }


NOTHING = quieted(set())

INHIBITED: Mapping[str, Quiet] = {
    "VLMRunExporterDown/critical": quieted(TICKETS | PAGES | EXHAUSTED | STALE),
    "VLMRunDataStale/critical": quieted(TICKETS | PAGES, source=BUDGET_TICKETS | BUDGET_PAGES),
    "VLMRunAuthFailed/critical": quieted(TICKETS | PAGES | STALE),
    "VLMRunCatchUpInProgress/info": quieted(TICKETS),
    "VLMRunErrorBudgetBurnFast/critical": quieted(ERROR_TICKETS, source=set()),
    "VLMRunSlowPage/critical": quieted(LATENCY_TICKETS, source=set()),
    "VLMRunCreditBurnFast/critical": quieted(CREDIT_TICKETS),
    "VLMRunCreditBudgetExhaustionProjected/critical": quieted(CREDIT_TICKETS),
    "VLMRunCreditBudgetExhausted/critical": quieted(BUDGET_TICKETS, budget=set()),
}
"""What each alert inhibits; any other nothing."""

RELATIONS = ("nothing", "source", "budget", "account")
EQUAL = {"source": "completions", "budget": "monthly"}

MARKS = [{"alertname": "Mark"}, {"alertname": "Marked"}]
"""Come last: the second one is inhibited by the first once all that came before was seen."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Alertmanager]:
    """Run an Alertmanager that inhibits as the example does."""
    document = quiet(route={"receiver": "none", "group_wait": "1h"})
    document["inhibit_rules"].append({"source_matchers": ["alertname=Mark"], "target_matchers": ["alertname=Marked"]})
    with alertmanager(require("alertmanager"), tmp_path, write(tmp_path / "alertmanager.yml", document)) as running:
        yield running


def observed(server: Alertmanager, cause: Kind) -> Quiet:
    """Let a cause meet every alert; return the names of those that are quiet then."""
    targets = pack() | TEST | OTHERS
    causes: list[dict[str, str]] = []
    met: dict[tuple[str, str], dict[str, str]] = {}
    for other, name in product(RELATIONS, targets):
        values = EQUAL | {"account": f"{other} {name}"}
        causes.append(cause.labels(**values))
        met[other, name] = targets[name].labels(**values | {other: f"another {values.get(other)}"})
    for alerts in (causes, list(met.values()), MARKS):
        server.post([{"labels": labels} for labels in alerts])

    def seen() -> set[frozenset[tuple[str, str]]]:
        inhibited = [alert["labels"] for alert in server.alerts() if alert["status"]["inhibitedBy"]]
        return {frozenset(labels.items()) for labels in inhibited} if MARKS[-1] in inhibited else set()

    inhibited = until(seen, 30.0, "all alerts are seen")
    return {
        other: {name for name in targets if frozenset(met[other, name].items()) in inhibited} for other in RELATIONS
    }


@pytest.mark.parametrize("name", sorted(pack() | TEST | OTHERS))
def test_an_alert_inhibits_what_follows_from_its_cause_and_nothing_else(server: Alertmanager, name: str) -> None:
    assert observed(server, (pack() | TEST | OTHERS)[name]) == INHIBITED.get(name, NOTHING)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        # No target: of every account.
        ({"job"}, dict.fromkeys(NOTHING, TICKETS | PAGES | EXHAUSTED | {"VLMRunOfAllAccounts/warning"})),
        # Never reached: what it would have watched is not known, and other exporters go on.
        ({"job", "instance"}, NOTHING),
        # Without its instance, as where replicas of Prometheus drop labels.
        ({"job", "account"}, INHIBITED["VLMRunExporterDown/critical"]),
    ],
)
def test_an_exporter_that_is_down_inhibits_by_what_is_known_of_it(
    server: Alertmanager, labels: set[str], expected: Quiet
) -> None:
    assert observed(server, Kind("VLMRunExporterDown", "critical", "exporter", frozenset(labels))) == expected


def test_the_table_is_about_alerts_of_the_rules() -> None:
    named = {name for each in INHIBITED.values() for names in each.values() for name in names}
    assert named | INHIBITED.keys() <= pack().keys() | OTHERS.keys()
