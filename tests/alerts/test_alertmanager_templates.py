"""What notifications say: the example's templates, rendered by amtool.

``UPDATE_GOLDEN=1 pytest tests/alerts/test_alertmanager_templates.py`` writes the golden files anew; read the difference
before it is committed, as who is woken would.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.alerts.alertmanager import GOLDEN, HTML, example, golden, render, templated, write_golden
from tests.alerts.notifications import CASES, COMPLETIONS, EXTERNAL, SPECIAL, notification, slow
from tests.realservers import require

SLACK = "ticket.slack_configs.0"
PAGERDUTY = "page.pagerduty_configs.0"
EMAIL = "ticket.email_configs.0"

Rendered = Mapping[str, Mapping[str, str]]
"""What each template of the example comes to, by case and by where it is used."""


def uses() -> dict[str, str]:
    """Return the templates of the example by where they are used."""
    return templated({receiver.pop("name"): receiver for receiver in example()["receivers"]})


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    amtool = require("amtool")
    folder = tmp_path_factory.mktemp("notifications")
    texts: dict[str, dict[str, str]] = {}
    for case, written in CASES.items():
        data = folder / f"{case}.json"
        data.write_text(json.dumps(written()), encoding="utf-8")
        once = {text: render(amtool, text, data, html=where == HTML) for where, text in uses().items()}
        texts[case] = {where: once[text] for where, text in uses().items()}
    return texts


def described(case: str, status: str) -> list[str]:
    """First lines of what the alerts of a case with a status say."""
    alerts = [alert for alert in CASES[case]()["alerts"] if alert["status"] == status]
    return [alert["annotations"]["description"].splitlines()[0] for alert in alerts]


# Golden files


@pytest.mark.parametrize("case", CASES)
def test_a_notification_says_what_it_said(rendered: Rendered, case: str) -> None:
    if os.environ.get("UPDATE_GOLDEN") == "1":
        write_golden(case, rendered[case])
    assert golden(case) == rendered[case]


def test_every_golden_file_is_of_a_case() -> None:
    assert {file.name for file in GOLDEN.iterdir()} == {f"{case}{kind}" for case in CASES for kind in (".txt", ".html")}


# Whatever the golden files say


@pytest.mark.parametrize("where", [f"{SLACK}.text", f"{PAGERDUTY}.details.firing", f"{EMAIL}.text", HTML])
def test_everybody_is_told_of_the_completions_and_where_to_look(rendered: Rendered, where: str) -> None:
    text = rendered["firing"][where]
    assert all(completion in re.sub("<[^>]*>", "", text) for completion in COMPLETIONS)
    (alert,) = CASES["firing"]()["alerts"]
    runbook = alert["annotations"]["runbook_url"]
    dashboard = alert["annotations"]["dashboard_url"]
    assert runbook in text and dashboard in text.replace("&amp;", "&")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("where", [f"{SLACK}.title", f"{PAGERDUTY}.description", f"{EMAIL}.headers.Subject"])
def test_a_title_is_one_short_line(rendered: Rendered, case: str, where: str) -> None:
    title = rendered[case][where]
    assert title.strip() and "\n" not in title and len(title) < 300


@pytest.mark.parametrize("case", ["resolved", "all-resolved"])
def test_what_is_over_is_not_told_as_if_it_were_not(rendered: Rendered, case: str) -> None:
    told = "\n".join(rendered[case].values())
    assert "firing" not in told.lower() and "Silence" not in told
    assert not any(line in told for line in described(case, "resolved"))
    assert all("Resolved" in rendered[case][f"{where}.text"] for where in (SLACK, EMAIL))


@pytest.mark.parametrize("where", [f"{SLACK}.text", f"{PAGERDUTY}.details.firing", f"{EMAIL}.text", HTML])
def test_of_a_mixed_group_only_what_fires_is_told(rendered: Rendered, where: str) -> None:
    text = rendered["mixed"][where]
    assert all(line in text for line in described("mixed", "firing"))
    assert not any(line in text for line in described("mixed", "resolved"))


@pytest.mark.parametrize("where", [f"{SLACK}.text", f"{PAGERDUTY}.details.resolved", f"{EMAIL}.text", HTML])
def test_of_a_mixed_group_what_is_over_is_counted(rendered: Rendered, where: str) -> None:
    assert re.search(r"\b3 resolved", rendered["mixed"][where])


LIMITS = {f"{SLACK}.text": 5, f"{PAGERDUTY}.details.firing": 20, f"{EMAIL}.text": 20, HTML: 20}


@pytest.mark.parametrize("where", LIMITS)
def test_of_many_alerts_some_are_shown_and_the_rest_is_counted(rendered: Rendered, where: str) -> None:
    text, limit = rendered["many"][where], LIMITS[where]
    assert [line in text for line in described("many", "firing")] == [True] * limit + [False] * (50 - limit)
    assert f"and {50 - limit} more." in text


@pytest.mark.parametrize("where", LIMITS)
@pytest.mark.parametrize("over", [0, 1])
def test_the_rest_is_counted_as_soon_as_there_is_one(tmp_path: Path, where: str, over: int) -> None:
    alerts = [slow(f"skill-{number}", percent=number) for number in range(LIMITS[where] + over)]
    data = tmp_path / "notification.json"
    data.write_text(json.dumps(notification(alerts)), encoding="utf-8")
    text = render(require("amtool"), uses()[where], data, html=where == HTML)
    assert text.count("Slowest of") == LIMITS[where]
    assert re.findall(r"and (.*) more\.", text) == ["1"] * over


def test_what_alerts_have_in_common_is_said_once(rendered: Rendered) -> None:
    text = rendered["many"][f"{SLACK}.text"]
    assert text.count("take long although") == text.count("|Runbook>") == text.count("|Silence>") == 1
    assert text.count("|Dashboard>") == 5


def test_slack_takes_nothing_for_a_mention_or_a_link_but_the_links_meant(rendered: Rendered) -> None:
    texts = rendered["special-characters"]
    plain = re.sub(r"<https://[^<>| ]+\|(Runbook|Dashboard|Silence)>", "", texts[f"{SLACK}.text"])
    for text in (plain, texts[f"{SLACK}.title"], texts[f"{SLACK}.fallback"]):
        assert not re.search("[<>]", text)
        assert "&lt;!channel&gt;" in text and not re.search("&(?!amp;|lt;|gt;)", text)


class Page(HTMLParser):
    """The elements, addresses and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.hrefs: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.hrefs += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("case", CASES)
def test_no_label_makes_html(rendered: Rendered, case: str) -> None:
    page = Page(rendered[case][HTML])
    assert page.tags <= {"html", "head", "meta", "title", "body", "h2", "p", "b", "br", "a", "hr"}
    assert all(urlsplit(href).scheme == "https" for href in page.hrefs)


def test_an_email_shows_labels_as_they_are(rendered: Rendered) -> None:
    page = Page(rendered["special-characters"][HTML])
    assert f"with skill {SPECIAL} were slow." in page.text
    assert "https://traces.example.com/vlmrun/cmpl-40?tab=log&from=mail" in page.hrefs


def test_without_addresses_there_are_no_dead_links(rendered: Rendered) -> None:
    texts = rendered["no-links"]
    assert [texts[f"{PAGERDUTY}.links.{index}.href"] for index in (0, 1)] == ["", ""]
    assert "Runbook: /docs/runbooks/VLMRunErrorBudgetBurnFast.md" in texts[f"{SLACK}.text"]
    assert "|Runbook>" not in texts[f"{SLACK}.text"]
    assert all("#/silences" in href for href in Page(texts[HTML]).hrefs)


@pytest.mark.parametrize("case", ["firing", "mixed", "several-accounts", "special-characters"])
def test_the_silence_is_of_what_the_alerts_have_in_common(rendered: Rendered, case: str) -> None:
    labels = CASES[case]()["commonLabels"]
    expected = {f"{name}={json.dumps(value)}" for name, value in labels.items()}
    texts = rendered[case]
    html = next(href for href in Page(texts[HTML]).hrefs if "/silences/" in href)
    slack = re.search(r"<(.*)\|Silence>", texts[f"{SLACK}.text"])
    email = re.search(r"Silence: (.*)", texts[f"{EMAIL}.text"])
    assert slack and email
    for address in (texts[f"{PAGERDUTY}.links.2.href"], html, slack[1], email[1]):
        start, _, filters = address.partition("filter=")
        assert start == f"{EXTERNAL}/#/silences/new?"
        assert set(unquote(filters)[1:-1].split(",")) == expected
        assert not re.search(r"[\s\"<>&|+]", filters)
