"""What can be wrong with a dashboard and its panels, queries apart: each check yields its problems, in words.

The rules of grafana/dashboard-linter are among them, as far as they are about what the dashboards use.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tests.dashboards.documents import Dashboard, Panel

DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
"""The data source that the reader chooses, as everything names it."""

TAG: Final = "vlmrun"
SCHEMAS: Final = (41, 42)
CROSSHAIR: Final = 1

UNITS: Final = frozenset(
    {"none", "short", "locale", "percentunit", "s", "bytes", "cps", "dateTimeAsIso", "bool_yes_no"},
)
"""Grafana takes a unit that it does not know for a text to write behind the number."""

_FIRING: Final = re.compile(r'\bALERTS\{[^}]*alertstate="firing"')

_NARROW: Final = 7
"""Letters of a title for each column of the grid, at a width of 1,440 pixels."""


def check(dashboard: Dashboard) -> Iterator[str]:
    """Yield every problem of a dashboard and of its panels."""
    yield from _identity(dashboard)
    yield from _menu(dashboard)
    yield from _annotations(dashboard)
    yield from _rows(dashboard)
    yield from _repetitions(dashboard)
    for place, datasource in _datasources(dashboard.written):
        if datasource != DATASOURCE:
            yield f"{place}: the data source is {datasource}"
    for panel in dashboard.panels:
        yield from (f"{panel.name}: {problem}" for problem in check_panel(panel))


def check_panel(panel: Panel) -> Iterator[str]:
    """Yield every problem that a panel has by itself."""
    if not panel.title:
        yield "no title"
    elif len(panel.title) >= (fits := _NARROW * panel.written["gridPos"]["w"]):
        yield f"a title of {len(panel.title)} letters where fewer than {fits} fit"
    if not str(panel.written.get("description", "")).endswith("."):
        yield "no description that ends in a full stop"
    for holder, written in (("panel", panel.written), *((f"query {_ref_id(each)}", each) for each in panel.targets)):
        if "datasource" not in written:
            yield f"{holder} has no data source"
    if not panel.targets:
        yield "no query"
    for ref_id, times in Counter(map(_ref_id, panel.targets)).items():
        if times > 1:
            yield f"{times} queries are called {ref_id}"
    yield from _units(panel)
    yield from _OF_TYPE.get(panel.type, _unknown)(panel)


def _identity(dashboard: Dashboard) -> Iterator[str]:
    written = dashboard.written
    if "id" in written:
        yield "an id, which belongs to one Grafana"
    if f"{dashboard.uid}.json" != f"vlmrun-{dashboard.file}":
        yield f"uid {dashboard.uid} is not vlmrun- and the name of its file"
    if not str(written.get("title", "")).startswith("VLM Run / "):
        yield "the title does not begin with VLM Run /"
    if not str(written.get("description", "")).endswith("."):
        yield "no description that ends in a full stop"
    if written.get("tags") != [TAG]:
        yield f"tags are not {TAG} alone"
    if written.get("editable") is not False:
        yield "editable"
    if written.get("graphTooltip") != CROSSHAIR:
        yield "graphs do not share a crosshair"
    if written.get("schemaVersion") not in SCHEMAS:
        yield f"schemaVersion {written.get('schemaVersion')} is none of {SCHEMAS}"
    if not written.get("refresh"):
        yield "no refresh"
    yield from (f"{name}: for a file that is imported by hand alone" for name in written if name.startswith("__"))


def _menu(dashboard: Dashboard) -> Iterator[str]:
    wanted = {"type": "dashboards", "tags": [TAG], "asDropdown": True, "keepTime": True, "includeVars": True}
    if not any(wanted.items() <= link.items() for link in dashboard.written["links"]):
        yield "no menu of the dashboards that keeps time and variables"
    for each in (*dashboard.written["links"], *dashboard.annotations):
        if "placement" in each:
            yield f"{each.get('title') or each['name']}: a placement, which hides it in another menu"


def _annotations(dashboard: Dashboard) -> Iterator[str]:
    if not any(each["enable"] and _FIRING.search(each["expr"]) for each in dashboard.annotations):
        yield "firing alerts are not marked"
    yield from (f"annotation {each['name']} has no data source" for each in dashboard.annotations if not _has(each))


def _rows(dashboard: Dashboard) -> Iterator[str]:
    opened = [not row.collapsed for row in dashboard.rows]
    if opened != sorted(opened, reverse=True):
        yield "an open row below a collapsed one"
    for row in dashboard.rows:
        if not row.title:
            yield "a row without a title"
        if not row.panels:
            yield f"{row.title}: a row without panels"
        if not row.collapsed and row.written.get("panels"):
            yield f"{row.title}: an open row that holds its panels, which Grafana does not show"


def _repetitions(dashboard: Dashboard) -> Iterator[str]:
    written = [*(row.written for row in dashboard.rows if row.written), *(panel.written for panel in dashboard.panels)]
    for number, times in Counter(panel.get("id") for panel in written).items():
        if times > 1 or number is None:
            yield f"{times} panels of id {number}"
    for name, times in Counter(panel.name for panel in dashboard.panels).items():
        if times > 1:
            yield f"{times} panels are called {name}"


def _datasources(written: Any, place: str = "$") -> Iterator[tuple[str, Any]]:
    """Yield every data source that is named, and where."""
    items = written.items() if isinstance(written, Mapping) else enumerate(written) if isinstance(written, list) else ()
    for key, value in items:
        if key == "datasource":
            yield place, value
        else:
            yield from _datasources(value, f"{place}.{key}")


def _units(panel: Panel) -> Iterator[str]:
    if "unit" not in panel.defaults:
        yield "no unit"
    for unit in panel.properties("unit"):
        if unit not in UNITS:
            yield f"unit {unit!r} is none that is known here"


def _stat(panel: Panel) -> Iterator[str]:
    if panel.written["options"]["reduceOptions"].get("calcs") != ["lastNotNull"]:
        yield "does not show the last value"
    if not panel.defaults.get("noValue"):
        yield "says nothing where there is no value"
    for target in panel.targets:
        if not target.get("instant") or not target.get("interval"):
            yield f"query {_ref_id(target)} may show what was once"


def _timeseries(panel: Panel) -> Iterator[str]:
    if not panel.written["options"]["legend"].get("showLegend"):
        yield "no legend"
    for target in panel.targets:
        if not target.get("range") or not target.get("interval"):
            yield f"query {_ref_id(target)} is not of a range with a least step"


def _heatmap(panel: Panel) -> Iterator[str]:
    options = panel.written["options"]
    if not options["legend"].get("show"):
        yield "no legend"
    if (unit := options["yAxis"].get("unit")) not in UNITS:
        yield f"unit {unit!r} of the y axis is none that is known here"
    if options.get("calculate") is not False or any(target["format"] != "heatmap" for target in panel.targets):
        yield "does not take the buckets as they are"


def _table(panel: Panel) -> Iterator[str]:
    for target in panel.targets:
        if target["format"] != "table" or not target.get("instant"):
            yield f"query {_ref_id(target)} is not of one moment in the format of a table"
    if not panel.defaults.get("noValue"):
        yield "says nothing where there is no row"


def _unknown(panel: Panel) -> Iterator[str]:
    yield f"nothing is known of panels of type {panel.type}"


_OF_TYPE: Final[Mapping[str, Callable[[Panel], Iterator[str]]]] = {
    "stat": _stat,
    "bargauge": _stat,
    "timeseries": _timeseries,
    "heatmap": _heatmap,
    "table": _table,
}


def _has(annotation: Mapping[str, Any]) -> bool:
    return "datasource" in annotation


def _ref_id(target: Mapping[str, Any]) -> str:
    return str(target.get("refId"))
