"""Where links lead, and what can be wrong with them: each check yields its problems, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.dashboards.checks import queries
from tests.dashboards.checks.lexicon import Lexicon
from tests.dashboards.documents import Dashboard, Panel
from tests.dashboards.interpolation import used

TIME: Final = "${__url_time_range}"
COMPLETION: Final = "${__value.raw}"
"""The address of a completion is the whole value of a cell: to encode it would spoil it."""

_ADDRESS: Final = re.compile(r"/d/(?P<uid>vlmrun-[\w-]+)(?:\?(?P<query>.+))?")
_GIVEN: Final = re.compile(r"var-(?P<name>\w+)=(?P<value>.+)", re.DOTALL)
_HANDED_ON: Final = re.compile(r"\$\{(\w+):queryparam\}")
_INSERTED: Final = re.compile(r"\$\{__(?:data\.fields|field\.labels)\.[^:}]+:percentencode\}")
_LABEL: Final = re.compile(r"\$\{__field\.labels\.(\w+)")
_OF_ALERT: Final = re.compile(r"\{\{ \$labels\.(?P<label>\w+)(?P<encoded> \| urlquery)? \}\}")

_FOREIGN: Final = ("model", "skill")
"""Labels whose values come from the API: any text, and not names of a configuration."""


@dataclass(frozen=True, slots=True)
class Address:
    """Of a dashboard: variables that are ``given`` a value, those ``handed_on`` as they are, and anything else."""

    uid: str
    given: Mapping[str, str]
    handed_on: frozenset[str]
    rest: tuple[str, ...]


def read(url: str) -> Address | None:
    """Read the address of a dashboard; None if it is none."""
    found = _ADDRESS.search(url)
    if found is None:
        return None
    parts = found["query"].split("&") if found["query"] else []
    given = [match for match in map(_GIVEN.fullmatch, parts) if match]
    handed_on = [match[1] for match in map(_HANDED_ON.fullmatch, parts) if match]
    rest = [part for part in parts if not _GIVEN.fullmatch(part) and not _HANDED_ON.fullmatch(part)]
    return Address(found["uid"], {match["name"]: match["value"] for match in given}, frozenset(handed_on), tuple(rest))


def check(dashboard: Dashboard, panel: Panel, by_uid: Mapping[str, Dashboard], lexicon: Lexicon) -> Iterator[str]:
    """Yield every problem of the data links of a panel."""
    for url in panel.links():
        if url == COMPLETION:
            continue
        for problem in (*_link(url, dashboard, by_uid), *_series(url, panel, lexicon)):
            yield f"{url}: {problem}"
    yield from _completion(panel)


def check_alert(url: str, by_uid: Mapping[str, Dashboard]) -> Iterator[str]:
    """Yield what is wrong with the address of a dashboard in an alert."""
    address = read(url)
    if address is None:
        yield "is not the address of a dashboard"
        return
    yield from _there(address, by_uid)
    yield from (f"{part}: no variable" for part in address.rest)
    for name, value in address.given.items():
        taken = _OF_ALERT.fullmatch(value)
        if taken is None or taken["label"] != name:
            yield f"var-{name} is {value}"
        elif name in _FOREIGN and not taken["encoded"]:
            yield f"var-{name} is not encoded"


def _link(url: str, dashboard: Dashboard, by_uid: Mapping[str, Dashboard]) -> Iterator[str]:
    address = read(url)
    if address is None or not url.startswith("/d/"):
        yield "does not begin with the address of a dashboard"
        return
    yield from _there(address, by_uid)
    if address.rest != (TIME,):
        yield f"takes along {', '.join(address.rest) or 'no time'}"
    for name in sorted(used(url) - dashboard.declared):
        yield f"${name} is no variable of {dashboard.uid}"
    for name, value in address.given.items():
        if not _INSERTED.fullmatch(value):
            yield f"var-{name} is not one encoded value"
    if address.uid in by_uid:
        kept = dashboard.declared & by_uid[address.uid].declared
        for name in sorted(kept - address.handed_on - address.given.keys()):
            yield f"leaves {name} behind"


def _there(address: Address, by_uid: Mapping[str, Dashboard]) -> Iterator[str]:
    """Yield what an address names and is not there: the dashboard, its variables."""
    if address.uid not in by_uid:
        yield f"there is no dashboard {address.uid}"
        return
    for name in sorted((address.given.keys() | address.handed_on) - by_uid[address.uid].declared):
        yield f"{address.uid} has no variable {name}"


def _series(url: str, panel: Panel, lexicon: Lexicon) -> Iterator[str]:
    """Yield labels that a link takes of the series that is clicked, and that it does not have."""
    for label in _LABEL.findall(url):
        for target in panel.targets:
            if label not in queries.labels(target["expr"], lexicon):
                yield f"query {target['refId']} has no label {label}"


def _completion(panel: Panel) -> Iterator[str]:
    """Yield links to completions that stand elsewhere than on the addresses of completions."""
    for override in panel.overrides:
        urls = [link for each in override["properties"] if each["id"] == "links" for link in each["value"]]
        if not any(link["url"] == COMPLETION for link in urls):
            continue
        steps = panel.written.get("transformations", [])
        columns = [step["options"]["renameByName"].get("url") for step in steps if step["id"] == "organize"]
        if override["matcher"]["id"] != "byName" or override["matcher"]["options"] not in columns:
            yield "a link to the completion that is not on the column of its address"
        if not all(link.get("targetBlank") for link in urls):
            yield "the completion opens in the place of the dashboard"
