"""Queries of panels: PromQL, and how Grafana is to run it and name what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
"""The data source that the reader chooses."""

STEP: Final = "1m"
"""The least time between two points of a graph. Values change when a list is polled, every minute by default: from this
step, Grafana makes ``$__rate_interval`` four minutes at least, which holds several polls."""

LONG_STEP: Final = "150s"
"""The same for what is estimated from completions, which makes the window ten minutes: of few it is mostly chance."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a panel. ``legend`` names its series, with labels as ``{{label}}``.

    ``exemplar`` asks for single completions as well. Only buckets of duration and cost, errors, and slow low-token
    completions have them: docs/metrics.md.
    """

    expr: str
    legend: str = ""
    instant: bool = False
    step: str = STEP
    exemplar: bool = False
    format: PromQueryFormat = PromQueryFormat.TIME_SERIES

    def target(self, ref_id: str) -> prometheus.Dataquery:
        """Build it as Grafana's ``ref_id``: A, B, …"""
        query = (
            prometheus.Dataquery()
            .ref_id(ref_id)
            .datasource(DATASOURCE)
            .expr(self.expr)
            .format(self.format)
            .legend_format(self.legend or "__auto")
            .exemplar(self.exemplar)
        )
        # Of one moment, too: else $__rate_interval is as short there as the data source's scrape interval says.
        query = query.interval(self.step)
        return query.instant() if self.instant else query.range()


def graphed(expr: str, legend: str, *, exemplar: bool = False) -> Query:
    """Build a query over the time shown, step by step."""
    return Query(expr, legend, exemplar=exemplar)


def estimated(expr: str, legend: str, *, exemplar: bool = False) -> Query:
    """Build a query of a quantile, a mean or a share over the time shown, step by step."""
    return Query(expr, legend, step=LONG_STEP, exemplar=exemplar)


def now(expr: str, legend: str) -> Query:
    """Build a query of one moment, the end of the time shown: for a number."""
    return Query(expr, legend, instant=True)


def column(expr: str) -> Query:
    """Build a query of one moment for a table: its labels are columns, and its value is one."""
    return Query(expr, instant=True, format=PromQueryFormat.TABLE)


def cells(expr: str, *, exemplar: bool = False) -> Query:
    """Build a query of cumulative buckets for a heatmap."""
    return Query(expr, "{{le}}", exemplar=exemplar, format=PromQueryFormat.HEATMAP)
