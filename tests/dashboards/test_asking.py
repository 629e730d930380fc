"""How Grafana puts queries: their names, their steps, and what it makes of its own variables."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.dashboards.asking import Query, Shown, queries
from tests.dashboards.documents import Dashboard

HOUR: Final = 3600


def of_panel(type_: str, *targets: dict[str, Any], width: int = 8, transformations: Any = ()) -> list[Query]:
    """Return the queries of a panel that is so many columns wide."""
    lettered = [{"refId": letter, "legendFormat": "", **target} for letter, target in zip("ABC", targets, strict=False)]
    panel = {"type": type_, "title": "Much", "gridPos": {"w": width}, "targets": lettered}
    row = {"type": "row", "title": "Things", "panels": []}
    return list(queries(Dashboard("some.json", {"panels": [row, {**panel, "transformations": list(transformations)}]})))


def graph(expr: str = "", width: int = 8) -> Query:
    """Return the query of a graph."""
    (query,) = of_panel("timeseries", {"expr": expr, "interval": "1m"}, width=width)
    return query


def test_the_only_query_of_a_panel_is_called_by_its_place() -> None:
    assert graph().name == "some / Things / Much"


def test_one_of_several_is_called_by_its_legend() -> None:
    names = [query.name for query in of_panel("stat", {"legendFormat": "p50"}, {"legendFormat": "p95"})]
    assert names == ["some / Things / Much / p50", "some / Things / Much / p95"]


def test_one_of_a_table_is_called_by_its_column() -> None:
    organized = {"id": "organize", "options": {"renameByName": {"Value #A": "Count", "Value #B": "Share"}}}
    names = [query.name for query in of_panel("table", {}, {}, transformations=[{"id": "merge"}, organized])]
    assert names == ["some / Things / Much / Count", "some / Things / Much / Share"]


@pytest.mark.parametrize(
    ("hours", "width", "pace", "step"),
    [
        (6, 8, 1, 60),  # 45 s fit: the min step it is
        (12, 8, 1, 60),  # 90 s
        (13, 8, 1, 120),
        (24, 8, 1, 120),  # 180 s: nearer to 2 min than to 5
        (24, 24, 1, 60),
        (48, 8, 1, 300),
        (0.04, 8, 6, 10),
    ],
)
def test_a_step_fits_the_width_but_is_no_shorter_than_the_min_step(
    hours: float, width: int, pace: int, step: int
) -> None:
    assert graph(width=width).step(Shown(0, hours * HOUR, pace)) == step


@pytest.mark.parametrize(
    ("shown", "promql"),
    [
        (Shown(0, 6 * HOUR), "x[21600s] y[240s]"),
        (Shown(0, 48 * HOUR), "x[172800s] y[360s]"),
        (Shown(0.3, 100.9, pace=6), "x[101s] y[40s]"),
        (Shown(0, 6 * HOUR, rate_interval=7), "x[21600s] y[7s]"),
    ],
)
def test_grafanas_own_variables_follow_from_time_and_step(shown: Shown, promql: str) -> None:
    assert graph("x[$__range] y[$__rate_interval]").promql(shown, {}) == promql


def test_variables_are_replaced_and_others_stay() -> None:
    assert graph('x{a=~"$a", b=~"$b"}').promql(Shown(0, HOUR), {"a": ".+"}) == 'x{a=~".+", b=~"$b"}'
