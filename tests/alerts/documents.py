"""The pages on the alerts: their headings, and the PromQL in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Final

from tests.alerts import promql, querychecks
from tests.alerts.querychecks import Late
from tests.alerts.rulefiles import ROOT, Rule
from tests.alerts.vocabulary import Metric

RUNBOOKS: Final = ROOT / "docs" / "runbooks"
HEADINGS: Final = ("Meaning", "Impact", "Diagnosis", "Mitigation", "False alarms")

_BLOCK: Final = re.compile(r"^( *)```promql\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_HEADING: Final = re.compile(r"^## (.*)$", re.MULTILINE)


def pages() -> tuple[Path, ...]:
    """Return the pages that have queries to paste: the runbooks, and docs/alerting.md if it is there."""
    return (*sorted(RUNBOOKS.glob("*.md")), *(page for page in (ROOT / "docs" / "alerting.md",) if page.exists()))


def blocks(page: str) -> Iterator[str]:
    """Yield the text of every promql block."""
    for _, block in _BLOCK.findall(page):
        yield dedent(block).strip()


def queries(block: str) -> list[str]:
    """Return the queries of a block: all of it, or what blank lines divide, or each line."""
    for parts in ([block], re.split(r"\n\s*\n", block), block.splitlines()):
        if all(map(_parses, parts)):
            return parts
    return [block]


def check(page: str, known: Mapping[str, Metric]) -> Iterator[str]:
    """Yield every problem of the queries on a page."""
    for block in blocks(page):
        for query in queries(block):
            for problem in querychecks.check(query, known, Late.SAID):
                yield f"{query}: {problem}"


def check_runbook(page: str, alert: Rule) -> Iterator[str]:
    """Yield what a runbook lacks: its title, what it says of the rule, its headings in their order, a query."""
    if not page.startswith(f"# {alert.name}\n"):
        yield f"does not begin with # {alert.name}"
    opening = page.partition("## ")[0]
    said = [f"**{alert.labels.get('severity')}**", f"family {alert.family}"]
    said += [f"`for: {alert.wait}`"] if alert.wait else ["no `for`"]
    said += [f"held for {alert.keep_firing_for} after it ends"] if alert.keep_firing_for else []
    yield from (f"does not say {text} at the top" for text in said if text not in opening)
    headings = _HEADING.findall(page)
    if tuple(headings) != HEADINGS:
        yield f"headings are {', '.join(headings)}"
        return
    diagnosis = page.partition("## Diagnosis")[2].partition("## Mitigation")[0]
    if not list(blocks(diagnosis)):
        yield "Diagnosis has no promql block"


def _parses(query: str) -> bool:
    try:
        promql.read(query)
    except ValueError:
        return False
    return True
