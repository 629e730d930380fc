"""What counts as wrong with an answer."""

from __future__ import annotations

from math import inf, nan

import pytest

from tests.dashboards.asking import Query, Shown
from tests.dashboards.documents import Dashboard, Panel
from tests.dashboards.truth.verdicts import trouble, wrong
from tests.e2e.prometheus import Series

SHOWN = Shown(0, 130)
"""The last point of a graph is at 120 s."""

ONE, TWO = frozenset({("a", "1")}), frozenset({("a", "2")})


@pytest.mark.parametrize(
    ("expr", "samples", "found"),
    [
        ("x", [(60, 1.0), (120, 2.0)], []),
        ("x", [], ["nothing"]),
        ("x", [(60, 1.0)], ["no finite value at the end"]),
        ("x", [(60, inf), (120, 1.0)], ["infinite"]),
        ("x", [(60, nan), (120, 1.0)], ["not a number"]),
        ("x / y", [(60, nan), (120, 1.0)], []),
        ("histogram_quantile(0.5, x)", [(60, nan), (120, 1.0)], []),
        ("x / y", [(60, 1.0), (120, nan)], ["no finite value at the end"]),
    ],
)
def test_answers_of_graphs(expr: str, samples: list[tuple[float, float]], found: list[str]) -> None:
    panel = Panel("Things", {"title": "Much", "type": "timeseries", "gridPos": {"w": 8}})
    query = Query(Dashboard("some.json", {}), panel, {"expr": expr, "interval": "1m"}, "")
    assert list(trouble(query, [Series({}, samples)] if samples else [], SHOWN)) == found


@pytest.mark.parametrize(
    ("shown", "differences"),
    [
        ({ONE: 1.0, TWO: 2.0000001}, []),
        ({ONE: 1.0, TWO: nan}, ["{'a': '2'}: nothing, and not 2"]),
        ({ONE: 1.0}, ["{'a': '2'}: nothing, and not 2"]),
        ({ONE: 1.0, TWO: 2.00001}, ["{'a': '2'}: 2.00001, and not 2"]),
        ({ONE: 1.0, TWO: 2, frozenset(): 3.0}, ["{}: 3.0, and not anything"]),
    ],
)
def test_what_is_shown_is_what_is_expected(
    shown: dict[frozenset[tuple[str, str]], float], differences: list[str]
) -> None:
    assert wrong(shown, {ONE: 1, TWO: 2}) == differences
