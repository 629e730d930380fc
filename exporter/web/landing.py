"""The start page: how every source is doing, for people. One document, no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from itertools import groupby
from operator import attrgetter
from string import Template
from typing import Final

from exporter.models import SECOND
from exporter.web import wording
from exporter.web.state import ExporterState, SourceState
from exporter.web.wording import Condition, Fact

_FILES: Final = files("exporter.web")
_PAGE: Final = Template(_FILES.joinpath("landing.html").read_text("utf-8"))
STYLE: Final = _FILES.joinpath("landing.css").read_text("utf-8")
"""The page's style sheet, exactly as it stands in the page, for the policy that allows it by its hash."""

_TONES: Final = {
    Condition.FAILING: "bad",
    Condition.OVERDUE: "notable",
    Condition.WAITING: "notable",
    Condition.CATCHING_UP: "notable",
    Condition.GOOD: "good",
}


def render(state: ExporterState, not_ready: str | None, telemetry_path: str) -> str:
    """Return the page's HTML; ``not_ready`` says why the exporter is not ready, if it isn't."""
    conditions = tuple(wording.condition(source, state.now) for source in state.sources)
    return _PAGE.substitute(
        style=STYLE,
        version=_text(f"{state.version} ({state.revision})" if state.revision else state.version),
        uptime=wording.duration((state.now - state.started) / SECOND),
        telemetry_link=_text(f".{telemetry_path}"),
        headline=escape(wording.headline(conditions)),
        tone=_TONES[wording.worst(conditions)] if conditions else "notable",
        notices="\n".join(_notices(state, not_ready)),
        accounts="\n".join(
            _account(account, tuple(sources), state.now)
            for account, sources in groupby(state.sources, key=attrgetter("account"))
        ),
        now=wording.moment(state.now, state.now, seconds=True),
        ledger=_text(state.ledger_path),
    )


def _text(text: str) -> str:
    """Make text from elsewhere fit for the page."""
    return escape(wording.plain(text))


def _notices(state: ExporterState, not_ready: str | None) -> list[str]:
    notices = []
    if not_ready is not None:
        notices.append(_notice("Not ready yet", not_ready))
    if not state.config_reload_ok:
        reason = state.config_reload_message or "The log says why."
        notices.append(_notice("The last reload failed; the earlier configuration stays in force", reason))
    return notices


def _notice(title: str, text: str) -> str:
    return f'<p class="notice"><strong>{title}</strong>\n{_text(text)}</p>'


def _account(account: str, sources: tuple[SourceState, ...], now: int) -> str:
    cards = "\n".join(_card(source, now) for source in sources)
    return f'<section>\n<h2>Account {_text(account)}</h2>\n<div class="cards">\n{cards}\n</div>\n</section>'


def _card(source: SourceState, now: int) -> str:
    condition = wording.condition(source, now)
    facts = "\n".join(_fact(fact) for fact in wording.facts(source, now))
    return (
        '<article class="card">\n'
        f'<div class="top"><h3>{_text(source.source)}</h3>'
        f'<span class="badge {_TONES[condition]}">{condition.value}</span></div>\n'
        f'<p class="summary">{escape(wording.summary(source, now))}</p>\n'
        f"<dl>\n{facts}\n</dl>\n"
        "</article>"
    )


def _fact(fact: Fact) -> str:
    tone = ' class="notable"' if fact.notable else ""
    return f"<dt>{fact.label}</dt>\n<dd{tone}>{escape(fact.text)}</dd>"
