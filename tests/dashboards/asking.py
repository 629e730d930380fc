"""The queries of panels, by names that people can follow; and how Grafana puts them to Prometheus.

Its rules are those of the backend of Grafana's data source: the step fits the panel's width but is no shorter than the
query's min step, the points of a graph lie on multiples of the step, and ``$__rate_interval`` is the step and one min
step more, but four of these at least.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.dashboards.documents import Dashboard, Panel
from tests.dashboards.interpolation import interpolate
from tests.e2e.prometheus import Prometheus, Series

POINTS: Final = 60
"""Points of a graph for each column of the grid: pixels, at a width of 1,440."""

SCRAPED: Final = 15
"""Seconds between scrapes that Grafana assumes: the min step of a query that names none."""

# Above how many seconds a point, which step is taken: Grafana's own table, as far as it matters here.
_UNITS: Final = {"s": 1, "m": 60}

_STEPS: Final = ((0, 10), (12.5, 15), (17.5, 20), (25, 30), (45, 60), (90, 120), (210, 300), (450, 600))


@dataclass(frozen=True, slots=True)
class Shown:
    """The time that a dashboard shows, in seconds since the epoch.

    ``pace`` is how many times as fast everything goes there as where the dashboards are made for: min steps are divided
    by it. ``rate_interval``, in seconds, takes the place of Grafana's.
    """

    start: float
    end: float
    pace: int = 1
    rate_interval: int | None = None

    @property
    def seconds(self) -> int:
        """How long it is; Grafana rounds to whole seconds."""
        return round(self.end - self.start)


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a panel. ``part`` tells it from the others of its panel: what a column or a legend calls it."""

    dashboard: Dashboard
    panel: Panel
    target: Mapping[str, Any]
    part: str

    @property
    def name(self) -> str:
        """Where it is found: dashboard / row / panel, and the part."""
        place = (self.dashboard.file.removesuffix(".json"), self.panel.row, self.panel.title)
        return " / ".join((*place, self.part) if self.part else place)

    @property
    def expr(self) -> str:
        """The PromQL, with variables."""
        return str(self.target["expr"])

    @property
    def instant(self) -> bool:
        """Whether it asks for one moment, the end of the time shown."""
        return bool(self.target.get("instant"))

    @property
    def exemplar(self) -> bool:
        """Whether it asks for exemplars."""
        return bool(self.target.get("exemplar"))

    def min_step(self, pace: int) -> int:
        """Return the least time between two points, in seconds."""
        said = re.fullmatch(r"(\d+)([sm])", self.target.get("interval", ""))
        return (int(said[1]) * _UNITS[said[2]] if said else SCRAPED) // pace

    def step(self, shown: Shown) -> int:
        """Return the time between two points, in seconds."""
        fits = shown.seconds / (POINTS * self.panel.written["gridPos"]["w"])
        least = self.min_step(shown.pace)
        return least if fits < least else [step for above, step in _STEPS if fits > above][-1]

    def promql(self, shown: Shown, texts: Mapping[str, str]) -> str:
        """Return the PromQL for the time shown, with these ``texts`` in place of variables."""
        least = self.min_step(shown.pace)
        rate_interval = shown.rate_interval or max(self.step(shown) + least, 4 * least)
        built_in = {"__range": f"{shown.seconds}s", "__rate_interval": f"{rate_interval}s"}
        return interpolate(self.expr, {**texts, **built_in})

    def ask(self, server: Prometheus, shown: Shown, texts: Mapping[str, str]) -> Sequence[Series]:
        """Return what it finds. Raises httpx.HTTPStatusError if it is no query."""
        promql = self.promql(shown, texts)
        if self.instant:
            found = server.get("query", query=promql, time=f"{shown.end:.3f}")["result"]
            return [_series(each["metric"], [each["value"]]) for each in found]
        step = self.step(shown)
        start, end = (f"{time // step * step:.0f}" for time in (shown.start, shown.end))
        found = server.get("query_range", query=promql, start=start, end=end, step=f"{step}")["result"]
        return [_series(each["metric"], each["values"]) for each in found]


def queries(dashboard: Dashboard) -> Iterator[Query]:
    """Yield all queries of a dashboard, those in collapsed rows as well."""
    for panel in dashboard.panels:
        titles = _titles(panel)
        for target in panel.targets:
            legend = target["legendFormat"] if len(panel.targets) > 1 else ""
            yield Query(dashboard, panel, target, titles.get(target["refId"], legend))


def _titles(panel: Panel) -> Mapping[str, str]:
    """Return the titles of a table's columns of values, by the queries that they are of."""
    if panel.type != "table":
        return {}
    (organized,) = (each["options"] for each in panel.written["transformations"] if each["id"] == "organize")
    letters = [target["refId"] for target in panel.targets]
    values = {letter: "Value" if len(letters) == 1 else f"Value #{letter}" for letter in letters}
    return {letter: organized["renameByName"].get(value, "") for letter, value in values.items()}


def _series(labels: Mapping[str, str], points: Sequence[tuple[float, str]]) -> Series:
    return Series(labels, [(float(time), float(value)) for time, value in points])
