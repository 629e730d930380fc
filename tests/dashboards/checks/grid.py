"""What can be wrong with the places of panels: each check yields its problems, in words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from tests.dashboards.documents import Dashboard, Panel, Row

COLUMNS: Final = 24


def check(dashboard: Dashboard) -> Iterator[str]:
    """Yield where panels overlap, leave holes, or do not follow what is above them."""
    below = 0
    for row in dashboard.rows:
        if row.written:
            if row.written["gridPos"] != {"h": 1, "w": COLUMNS, "x": 0, "y": below}:
                yield f"{row.title}: not a line of its own at {below}"
            below += 1
        yield from _lines(row, below if not row.collapsed else row.panels[0].written["gridPos"]["y"])
        if not row.collapsed:
            below = max((_bottom(panel) for panel in row.panels), default=below)


def _lines(row: Row, top: int) -> Iterator[str]:
    """Yield what is wrong with the lines of panels below a row."""
    for y, line in groupby(row.panels, key=lambda panel: panel.written["gridPos"]["y"]):
        panels = list(line)
        name = f"{row.title}: {', '.join(panel.name for panel in panels)}"
        if y != top:
            yield f"{name}: at {y} and not at {top}"
        if len({_bottom(panel) for panel in panels}) > 1:
            yield f"{name}: not of one height"
        right = 0
        for panel in panels:
            if panel.written["gridPos"]["x"] != right:
                yield f"{name}: {panel.name} does not begin at column {right}"
            right = panel.written["gridPos"]["x"] + panel.written["gridPos"]["w"]
        if right != COLUMNS:
            yield f"{name}: {right} columns wide"
        top = max(map(_bottom, panels))


def _bottom(panel: Panel) -> int:
    place = panel.written["gridPos"]
    return int(place["y"] + place["h"])
