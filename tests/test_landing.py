"""The landing page: its words, its safety, its form."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import pytest

from exporter.models import SECOND
from exporter.web import landing, wording
from exporter.web.responses import respond_html
from exporter.web.state import ExporterState, SourceState
from exporter.web.wording import Condition

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
NOW = 1_700_000_360 * SECOND  # 2023-11-14 22:19:20 UTC
HOSTILE = "</style><script>alert(1)</script><img src=x onerror='alert(2)'>\"&$style\u202e\x00"


def source(**changes: Any) -> SourceState:
    """Make a source in good order, but for ``changes``."""
    good: dict[str, Any] = {
        "account": "default",
        "source": "completions",
        "up": True,
        "last_poll": NOW - 12 * SECOND,
        "last_success": NOW - 12 * SECOND,
        "failure_reason": None,
        "failure_message": None,
        "failing_since": None,
        "watermark": NOW - 17 * MINUTE,
        "rows_counted": 1_234_567,
        "rows_rejected": 0,
        "requests_used": 7,
        "requests_limit": 10,
        "catching_up": False,
        "eta_seconds": None,
        "next_poll": NOW + 48 * SECOND,
        "gap_open_seconds": 0.0,
        "gap_lost_seconds": 0.0,
        "unprovable": 0,
        "interval": 60.0,
    }
    return SourceState(**{**good, **changes})


def failing(**changes: Any) -> SourceState:
    failure = {
        "up": False,
        "failure_reason": "auth",
        "failure_message": "401 Invalid API key",
        "failing_since": NOW - 14 * MINUTE,
        "last_success": NOW - 15 * MINUTE,
    }
    return source(**{**failure, **changes})


def exporter(*sources: SourceState, **changes: Any) -> ExporterState:
    state: dict[str, Any] = {
        "version": "1.2.3",
        "revision": "a1b2c3d",
        "started": NOW - 25 * HOUR,
        "now": NOW,
        "sources": sources,
        "config_reload_ok": True,
        "config_reload_message": None,
        "ledger_path": "./data/ledger.db",
    }
    return ExporterState(**{**state, **changes})


@dataclass
class Document(HTMLParser):
    """What a browser would see."""

    page: str
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    style: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.page)
        self.close()
        assert self.open == [], "elements left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            self.style += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def links(self) -> list[str | None]:
        return [attributes["href"] for tag, attributes in self.elements if tag == "a"]


def show(*sources: SourceState, not_ready: str | None = None, **changes: Any) -> Document:
    return Document(landing.render(exporter(*sources, **changes), not_ready, "/metrics"))


# Words


@pytest.mark.parametrize(
    ("state", "condition", "summary"),
    [
        (source(), Condition.GOOD, "Polled 12 s ago, all good."),
        (source(last_poll=NOW + 5 * SECOND), Condition.GOOD, "Polled 0 s ago, all good."),
        (source(up=None, last_poll=None), Condition.WAITING, "Not polled yet."),
        (
            source(catching_up=True, eta_seconds=420.0),
            Condition.CATCHING_UP,
            "Polled 12 s ago, catching up with older rows: about 7 min to go.",
        ),
        (
            source(catching_up=True),
            Condition.CATCHING_UP,
            "Polled 12 s ago, catching up with older rows: too early to say for how long.",
        ),
        (
            source(catching_up=True, eta_seconds=math.inf),
            Condition.CATCHING_UP,
            "Polled 12 s ago, catching up with older rows: "
            "no end in sight: arrivals outrun the request budget, or pages prove nothing.",
        ),
        (
            source(last_poll=NOW - 15 * MINUTE, catching_up=True),
            Condition.OVERDUE,
            "Last polled 15 min ago, though a poll is due every 1 min. "
            "Either the request budget is too small or the poller is stuck.",
        ),
        (source(last_poll=NOW - 3 * MINUTE), Condition.GOOD, "Polled 3 min ago, all good."),
        (
            failing(),
            Condition.FAILING,
            "Failing since 22:05 UTC (14 min): auth – 401 Invalid API key. "  # noqa: RUF001
            "Counters stand still until it works again.",
        ),
        (
            failing(failing_since=NOW - 25 * HOUR, failure_message="504 Gateway\nTimeout."),
            Condition.FAILING,
            "Failing since 2023-11-13 21:19 UTC (1 d 1 h): auth – 504 Gateway Timeout. "  # noqa: RUF001
            "Counters stand still until it works again.",
        ),
        (
            failing(failing_since=None, failure_reason=None, failure_message=None),
            Condition.FAILING,
            "Failing: unknown reason. Counters stand still until it works again.",
        ),
    ],
)
def test_a_source_is_summed_up(state: SourceState, condition: Condition, summary: str) -> None:
    assert wording.condition(state, NOW) is condition
    assert wording.summary(state, NOW) == summary


@pytest.mark.parametrize(
    ("state", "label", "text", "notable"),
    [
        (
            source(),
            "Coverage",
            "Every completion created before 22:02:20 UTC (17 min ago) has been counted.",
            False,
        ),
        (source(watermark=None), "Coverage", "Nothing is proven yet.", True),
        (source(), "Rows", "1,234,567 counted, none rejected", False),
        (source(rows_rejected=3), "Rows", "1,234,567 counted, 3 rejected as unreadable", True),
        (source(), "Gaps", "None", False),
        (source(gap_open_seconds=180), "Gaps", "None", False),
        (source(gap_open_seconds=181), "Gaps", "3 min still to be read.", False),
        (source(gap_open_seconds=3900), "Gaps", "1 h 5 min still to be read.", False),
        (
            source(gap_open_seconds=240, gap_lost_seconds=7200, unprovable=1),
            "Gaps",
            "2 h lost: what was created then may never be counted. 4 min still to be read. "
            "1 page proved nothing: out of order, or all rows of one instant.",
            True,
        ),
        (source(), "Budget", "7 of 10 requests in the last minute", False),
        (source(requests_used=10), "Budget", "10 of 10 requests in the last minute", True),
        (source(), "Polls", "Every 1 min, next in 48 s", False),
        (source(next_poll=NOW), "Polls", "Every 1 min, next one due now", False),
        (source(next_poll=None), "Polls", "Every 1 min", False),
        (failing(), "Polls", "Every 1 min, next in 48 s, last worked 15 min ago", False),
        (failing(last_success=None), "Polls", "Every 1 min, next in 48 s, never worked", False),
    ],
)
def test_a_source_has_facts(state: SourceState, label: str, text: str, notable: bool) -> None:
    assert wording.Fact(label, text, notable) in wording.facts(state, NOW)


@pytest.mark.parametrize(
    ("conditions", "headline"),
    [
        ((), "No sources are configured, so nothing is counted."),
        ((Condition.GOOD,), "The only source is polled and counted."),
        ((Condition.GOOD,) * 3, "All 3 sources are polled and counted."),
        ((Condition.GOOD, Condition.FAILING, Condition.WAITING), "1 of 3 sources is failing."),
        ((Condition.WAITING, Condition.WAITING, Condition.GOOD), "2 of 3 sources are waiting for the first poll."),
        ((Condition.CATCHING_UP, Condition.GOOD), "1 of 2 sources is catching up."),
        ((Condition.OVERDUE, Condition.OVERDUE), "All 2 sources are overdue for a poll."),
    ],
)
def test_the_headline_tells_the_worst(conditions: tuple[Condition, ...], headline: str) -> None:
    assert wording.headline(conditions) == headline


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (11_100, "3 h 5 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (90_061, "1 d 1 h"),
        (864_000, "10 d"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


# The page


def test_the_page_names_the_exporter_its_links_and_its_sources() -> None:
    page = show(source(), failing(source="executions"), source(account="eu", source="requests"))
    assert "Version 1.2.3 (a1b2c3d) · up for 1 d 1 h" in page.text
    assert page.links == ["./metrics", "./-/ready", "./-/healthy", "./config", "https://docs.vlm.run"]
    assert "1 of 3 sources is failing." in page.text
    assert page.text.index("Account default") < page.text.index("executions Failing") < page.text.index("Account eu")
    assert "auth – 401 Invalid API key" in page.text  # noqa: RUF001
    assert "As of 22:19:20 UTC. Ledger: ./data/ledger.db" in page.text


def test_an_exporter_without_sources_or_revision_has_a_page() -> None:
    page = show(revision="")
    assert "Version 1.2.3 · up" in page.text
    assert "No sources are configured" in page.text


def test_notices_appear_only_when_there_is_something_to_notice() -> None:
    assert "Not ready" not in show(source()).text
    assert "reload" not in show(source()).text
    page = show(
        source(),
        not_ready="The first poll of default/requests has not ended.",
        config_reload_ok=False,
        config_reload_message="config.yaml:3: bad\nconfig.yaml:9: worse",
    )
    assert "Not ready yet The first poll of default/requests has not ended." in page.text
    assert "The last reload failed; the earlier configuration stays in force config.yaml:3: bad" in page.text
    assert "config.yaml:3: bad\nconfig.yaml:9: worse" in page.page


def test_hostile_text_stays_text() -> None:
    calm = show(failing(), not_ready="no", config_reload_ok=False, config_reload_message="bad")
    page = show(
        failing(account=HOSTILE, source=HOSTILE, failure_reason=HOSTILE, failure_message=HOSTILE),
        not_ready=HOSTILE,
        version=HOSTILE,
        revision=HOSTILE,
        config_reload_ok=False,
        config_reload_message=HOSTILE,
        ledger_path=HOSTILE,
    )
    assert page.elements == calm.elements
    assert page.style == landing.STYLE
    assert page.text.count("<script>alert(1)</script>") == 9
    assert "\u202e" not in page.page
    assert "\x00" not in page.page


def test_endless_text_is_cut_but_what_follows_is_not() -> None:
    page = show(failing(failure_message="x" * 100_000), not_ready="line\n" * 1000)
    assert len(page.page) < 20_000
    assert "… Counters" not in page.text
    assert "Counters stand still until it works again." in page.text


def test_nothing_is_loaded_or_run() -> None:
    page = show(source(), failing(), not_ready="no")
    assert not {"script", "img", "link", "iframe", "object", "form"} & {tag for tag, _ in page.elements}
    assert not {"src", "style", "onclick"} & {name for _, attributes in page.elements for name in attributes}
    assert not re.search(r"url\(|@import", page.style)


def test_the_policy_allows_the_pages_own_style_alone() -> None:
    page = show(source())
    policy = respond_html(page.page, style=landing.STYLE).headers["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith(f"; style-src 'sha256-{digest}'")


def test_every_class_of_the_page_is_styled() -> None:
    states = (source(), failing(), source(up=None), source(rows_rejected=1))
    page = show(*states, not_ready="no")
    classes = {name for _, attributes in page.elements for name in (attributes.get("class") or "").split()}
    assert {name for name in classes if f".{name}" not in landing.STYLE} == set()
