"""Every link leads somewhere, with what was chosen, and the way from the overview to one completion is there."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from tests.alerts import rulefiles
from tests.alerts.rulefiles import ROOT, Rule
from tests.dashboards import documents
from tests.dashboards.checks import addresses, broken, lexicon
from tests.dashboards.checks.addresses import COMPLETION, TIME
from tests.dashboards.checks.broken import Place
from tests.dashboards.documents import Dashboard

BY_UID: Final = {dashboard.uid: dashboard for dashboard in documents.load()}
LEXICON: Final = lexicon.read()
ALERTS: Final = [rule for file in rulefiles.rule_files() for rule in file.rules if rule.alerting]
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

OVERVIEW: Final = BY_UID["vlmrun-overview"]
KEPT: Final = "&".join(f"${{{name}:queryparam}}" for name in ("datasource", "job", "instance", "account", "source"))
MODEL: Final = "var-model=${__data.fields.Model:percentencode}"


@pytest.mark.parametrize("dashboard", BY_UID.values(), ids=lambda dashboard: dashboard.file)
def test_the_links_of_a_dashboard_are_right(dashboard: Dashboard) -> None:
    assert _check(dashboard) == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule.title)
def test_an_alert_leads_to_a_dashboard(alert: Rule) -> None:
    assert list(addresses.check_alert(alert.annotations["dashboard_url"], BY_UID)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_speaks_of_dashboards_that_there_are(page: Any) -> None:
    assert set(re.findall(r"/d/(vlmrun[\w-]*)", page.read_text("utf-8"))) <= BY_UID.keys()


def test_the_guide_names_every_dashboard() -> None:
    guide = (ROOT / "docs" / "dashboards.md").read_text("utf-8")
    assert set(re.findall(r"/d/(vlmrun[\w-]*)", guide)) == BY_UID.keys()


@pytest.mark.parametrize(
    ("start", "chosen", "end"),
    [("overview", {"model"}, "models"), ("models", {"model", "skill"}, "latency"), ("overview", {"skill"}, "latency")],
)
def test_a_click_leads_on_with_what_was_clicked(start: str, chosen: set[str], end: str) -> None:
    found = [
        (address.uid, address.given.keys() - {"source"})
        for panel in BY_UID[f"vlmrun-{start}"].panels
        for address in map(addresses.read, panel.links())
        if address is not None
    ]
    assert (f"vlmrun-{end}", chosen) in found


@pytest.mark.parametrize("name", ["overview", "latency", "credits"])
def test_the_last_click_leads_to_the_completion(name: str) -> None:
    assert any(COMPLETION in panel.links() for panel in BY_UID[f"vlmrun-{name}"].panels)


def test_the_overview_leads_everywhere() -> None:
    links = [addresses.read(url) for panel in OVERVIEW.panels for url in panel.links()]
    assert {link.uid for link in links if link is not None} == BY_UID.keys() - {OVERVIEW.uid}


@pytest.mark.parametrize(
    ("url", "problems"),
    [
        (f"/d/vlmrun-models?{TIME}&{KEPT}&{MODEL}&${{skill:queryparam}}", []),
        (f"/d/vlmrun-exporter?{TIME}&{KEPT}", []),
        (f"/d/vlmrun-models?{TIME}&{KEPT}&{MODEL}", ["leaves skill behind"]),
        (f"/d/vlmrun-exporter?{KEPT}", ["takes along no time"]),
        (f"/d/vlmrun-exporter?{TIME}&{KEPT}&orgId=1", [f"takes along {TIME}, orgId=1"]),
        (f"/d/vlmrun-model?{TIME}", ["there is no dashboard vlmrun-model"]),
        (f"/d/vlmrun-exporter?{TIME}&{KEPT}&{MODEL}", ["vlmrun-exporter has no variable model"]),
        (f"/d/vlmrun-exporter?{TIME}&{KEPT}&${{skill:queryparam}}", ["vlmrun-exporter has no variable skill"]),
        (
            f"/d/vlmrun-exporter?{TIME}&{KEPT}&${{plan:queryparam}}",
            ["vlmrun-exporter has no variable plan", "$plan is no variable of vlmrun-overview"],
        ),
        (
            f"/d/vlmrun-models?{TIME}&{KEPT}&var-model=${{__data.fields.Model}}&${{skill:queryparam}}",
            ["var-model is not one encoded value"],
        ),
        (f"https://example.org/d/vlmrun-exporter?{TIME}&{KEPT}", ["does not begin with the address of a dashboard"]),
        ("/d/errors", ["does not begin with the address of a dashboard"]),
        ("/explore", ["does not begin with the address of a dashboard"]),
        (f"{COMPLETION}?", ["does not begin with the address of a dashboard"]),
        (
            f"/d/vlmrun-models?{TIME}&{KEPT}&var-model=${{__field.labels.model:percentencode}}&${{skill:queryparam}}",
            ["query A has no label model"],
        ),
    ],
)
def test_a_bad_link_is_noticed(url: str, problems: list[str]) -> None:
    links = [{"title": "Elsewhere", "url": url}]
    place = broken.panel(OVERVIEW, "stat", ("fieldConfig", "defaults", "links"))
    found = broken.noticed(_check, OVERVIEW, broken.changed(OVERVIEW, place, links))
    assert [each.removeprefix(f"Firing alerts (stat): {url}: ") for each in found] == problems


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (("matcher", "options"), "Completion", "not on the column of its address"),
        (("matcher", "id"), "byRegexp", "not on the column of its address"),
        (("properties", 1, "value", 0, "targetBlank"), False, "opens in the place of the dashboard"),
    ],
)
def test_a_bad_link_to_a_completion_is_noticed(place: Place, value: Any, problem: str) -> None:
    (number,) = (
        number
        for number, panel in enumerate(OVERVIEW.written["panels"])
        if any(COMPLETION in str(override) for override in panel.get("fieldConfig", {}).get("overrides", []))
    )
    overrides = OVERVIEW.written["panels"][number]["fieldConfig"]["overrides"]
    (override,) = (each for each, written in enumerate(overrides) if COMPLETION in str(written))
    way = ("panels", number, "fieldConfig", "overrides", override)
    (found,) = broken.noticed(_check, OVERVIEW, broken.changed(OVERVIEW, (*way, *place), value))
    assert problem in found


@pytest.mark.parametrize(
    ("address", "problems"),
    [
        ("{{ base }}/d/vlmrun-exporter", []),
        ("/d/vlmrun-latency?var-account={{ $labels.account }}&var-model={{ $labels.model | urlquery }}", []),
        ("/dashboards", ["is not the address of a dashboard"]),
        ("/d/vlmrun-errors", ["there is no dashboard vlmrun-errors"]),
        ("/d/vlmrun-exporter?var-model={{ $labels.model | urlquery }}", ["vlmrun-exporter has no variable model"]),
        ("/d/vlmrun-latency?var-model={{ $labels.model }}", ["var-model is not encoded"]),
        ("/d/vlmrun-latency?var-account={{ $labels.source }}", ["var-account is {{ $labels.source }}"]),
        ("/d/vlmrun-latency?var-account=acme", ["var-account is acme"]),
        ("/d/vlmrun-latency?model={{ $labels.model }}", ["model={{ $labels.model }}: no variable"]),
    ],
)
def test_a_bad_address_in_an_alert_is_noticed(address: str, problems: list[str]) -> None:
    assert list(addresses.check_alert(address, BY_UID)) == problems


def _check(dashboard: Dashboard) -> list[str]:
    return [
        f"{panel.name}: {problem}"
        for panel in dashboard.panels
        for problem in addresses.check(dashboard, panel, BY_UID, LEXICON)
    ]
