"""What can be wrong with tables: columns that are named and are not there. Each check yields its problems, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from tests.dashboards.checks import queries
from tests.dashboards.checks.lexicon import Lexicon
from tests.dashboards.documents import Panel

TIME: Final = "Time"
_CELL: Final = re.compile(r"__data\.fields\.(\w+|\[?\"[^\"]+\"\]?)")


def check(panel: Panel, lexicon: Lexicon) -> Iterator[str]:
    """Yield every problem of a table. Its queries have to parse."""
    found = {target["refId"]: queries.labels(target["expr"], lexicon) for target in panel.targets}
    if len(set(found.values())) > 1:
        yield f"queries of different labels, whose rows do not merge: {_listed(found)}"
    steps = [step["id"] for step in panel.written.get("transformations", [])]
    if steps != ["merge", "organize"]:
        yield f"transformations are {', '.join(steps)}"
        return
    organized = panel.written["transformations"][1]["options"]
    there = {TIME, *values(panel), *frozenset[str]().union(*found.values())}
    for option in ("renameByName", "indexByName", "excludeByName"):
        for column in organized[option]:
            if column not in there:
                yield f"{option} names {column}, which is none of its columns: {', '.join(sorted(there))}"
    for column in sorted(there - organized["renameByName"].keys() - organized["excludeByName"].keys()):
        yield f"column {column} has no title"
    for column in sorted(organized["renameByName"].keys() - organized["indexByName"].keys()):
        yield f"column {column} has no place"
    shown = titles(panel)
    for title, times in Counter(shown).items():
        if times > 1:
            yield f"{times} columns are called {title}"
    for what, title in _named(panel):
        if title not in shown:
            yield f"{what} names {title}, which is none of its titles: {', '.join(shown)}"


def values(panel: Panel) -> tuple[str, ...]:
    """Return what Grafana calls the columns of values: by the query's letter, if there are several."""
    if len(panel.targets) == 1:
        return ("Value",)
    return tuple(f"Value #{target['refId']}" for target in panel.targets)


def titles(panel: Panel) -> tuple[str, ...]:
    """Return what the columns that are shown are called, in their order. The panel has to have been organized."""
    (organized,) = (each["options"] for each in panel.written["transformations"] if each["id"] == "organize")
    renamed: Mapping[str, str] = organized["renameByName"]
    places: Mapping[str, int] = organized["indexByName"]
    shown = [column for column in renamed if not organized["excludeByName"].get(column)]
    return tuple(renamed[column] for column in sorted(shown, key=lambda column: places.get(column, len(places))))


def _named(panel: Panel) -> Iterator[tuple[str, str]]:
    """Yield every column that is named by its title, and what names it."""
    for override in panel.overrides:
        if override["matcher"]["id"] != "byName":
            continue
        yield "an override", override["matcher"]["options"]
    for sort in panel.written["options"].get("sortBy", []):
        yield "sortBy", sort["displayName"]
    for link in panel.links():
        yield from (("a link", title.strip('[]"')) for title in _CELL.findall(link))


def _listed(found: Mapping[str, frozenset[str]]) -> str:
    return "; ".join(f"{ref_id}: {', '.join(sorted(labels))}" for ref_id, labels in found.items())
