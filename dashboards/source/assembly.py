"""From panels to a dashboard: variables, links, annotations, rows, and the JSON that Grafana loads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    Panel,
)

from dashboards.source.links import TAG
from dashboards.source.promql import highest
from dashboards.source.targets import DATASOURCE
from dashboards.source.variables import Variable, build

ALL: Final = ("errors", "latency", "credits", "exporter")
"""The families of the shipped alerts: their label ``family``."""


def firing(families: Sequence[str]) -> str:
    """Return the shipped alerts of some families that fire, those without an account among them.

    Most have no job and no instance to choose by.
    """
    chosen = "|".join(families)
    return f'ALERTS{{alertname=~"VLMRun.+", alertstate="firing", family=~"{chosen}", account=~"$account|"}}'


@dataclass(frozen=True, slots=True)
class Row:
    """Panels below a title, from left to right, 24 units of the grid wide. The details are ``collapsed``."""

    title: str
    panels: Sequence[Builder[Panel]]
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A dashboard. Its address is ``/d/UID``, which alert rules and links name."""

    uid: str
    title: str
    description: str
    variables: Sequence[Variable]
    rows: Sequence[Row]
    alerts: Sequence[str]
    """The families of alerts that are marked on its graphs."""

    @property
    def file(self) -> str:
        """The name of its JSON file."""
        return f"{self.uid.removeprefix('vlmrun-')}.json"

    def json(self) -> str:
        """Return what the file holds."""
        built = json.loads(JSONEncoder(sort_keys=True).encode(self._build().build()))
        for number, panel in enumerate(_panels(built["panels"]), 1):
            panel["id"] = number
        for link in built["links"]:
            # The SDK hides links in a menu of the controls by default, and knows no other place.
            del link["placement"]
        for annotation in built["annotations"]["list"]:
            del annotation["placement"]
        return json.dumps(built, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def _build(self) -> dashboard.Dashboard:
        page = (
            dashboard.Dashboard(f"VLM Run / {self.title}")
            .uid(self.uid)
            .description(self.description)
            .tags([TAG])
            .readonly()
            .time("now-6h", "now")
            .refresh("1m")
            .timezone("browser")
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .link(
                dashboard.DashboardLink("VLM Run")
                .type(DashboardLinkType.DASHBOARDS)
                .tags([TAG])
                .as_dropdown(True)
                .keep_time(True)
                .include_vars(True)
            )
            .annotation(
                dashboard.AnnotationQuery()
                .name("Firing alerts")
                .datasource(DATASOURCE)
                .enable(True)
                .icon_color("red")
                # One mark for an alert, however many models and skills it is about.
                .expr(highest(("alertname", "severity", "account"), firing(self.alerts)))
                .step("60s")
                .title_format("{{alertname}}")
                .text_format("{{severity}} {{account}}")
                .tag_keys("severity")
            )
        )
        for variable in build(self.variables):
            page = page.with_variable(variable)
        for row in self.rows:
            page = _with(page, row)
        return page


def _with(page: dashboard.Dashboard, row: Row) -> dashboard.Dashboard:
    """Add a row: the panels of a collapsed one are its own, those of an open one follow it."""
    built = dashboard.Row(row.title)
    if row.collapsed:
        for panel in row.panels:
            built = built.with_panel(panel)
        return page.with_row(built)
    page = page.with_row(built.collapsed(False))
    for panel in row.panels:
        page = page.with_panel(panel)
    return page


def _panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield all panels in the order in which they are seen, rows and what is in them as well."""
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels") or [])
