"""The dashboards as values: what dashboards/*.json say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[2] / "dashboards"


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel, but no row."""

    row: str
    """The title of the row that it is in."""
    written: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Its title, empty if it has none."""
        return str(self.written.get("title", ""))

    @property
    def type(self) -> str:
        """Its kind: stat, timeseries, …"""
        return str(self.written["type"])

    @property
    def name(self) -> str:
        """Its title and type, which tell apart the panels of a dashboard."""
        return f"{self.title} ({self.type})"

    @property
    def targets(self) -> Sequence[Mapping[str, Any]]:
        """Its queries."""
        targets: Sequence[Mapping[str, Any]] = self.written.get("targets", [])
        return targets

    @property
    def defaults(self) -> Mapping[str, Any]:
        """How its fields are shown where no override says otherwise."""
        defaults: Mapping[str, Any] = self.written["fieldConfig"]["defaults"]
        return defaults

    @property
    def overrides(self) -> Sequence[Mapping[str, Any]]:
        """How some of its fields are shown: a matcher, and properties of what it matches."""
        overrides: Sequence[Mapping[str, Any]] = self.written["fieldConfig"]["overrides"]
        return overrides

    def properties(self, name: str) -> Iterator[Any]:
        """Yield every value of a property, that of all fields first, then those of overrides."""
        if name in self.defaults:
            yield self.defaults[name]
        for override in self.overrides:
            yield from (each["value"] for each in override["properties"] if each["id"] == name)

    def links(self) -> Iterator[str]:
        """Yield the addresses of its data links."""
        for links in self.properties("links"):
            yield from (link["url"] for link in links)


@dataclass(frozen=True, slots=True)
class Row:
    """A row, and the panels below it. ``written`` is empty for panels before the first row."""

    written: Mapping[str, Any]
    panels: tuple[Panel, ...]

    @property
    def title(self) -> str:
        """Its title, empty if it has none."""
        return str(self.written.get("title", ""))

    @property
    def collapsed(self) -> bool:
        """Whether its panels are hidden until it is opened."""
        return bool(self.written.get("collapsed"))


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard, and the name of its file."""

    file: str
    written: Mapping[str, Any]

    @property
    def uid(self) -> str:
        """What addresses name it by."""
        return str(self.written["uid"])

    @property
    def variables(self) -> Sequence[Mapping[str, Any]]:
        """What readers choose by, in their order."""
        variables: Sequence[Mapping[str, Any]] = self.written["templating"]["list"]
        return variables

    @property
    def declared(self) -> frozenset[str]:
        """The names of its variables."""
        return frozenset(variable["name"] for variable in self.variables)

    @property
    def annotations(self) -> Sequence[Mapping[str, Any]]:
        """What is marked on all graphs."""
        annotations: Sequence[Mapping[str, Any]] = self.written["annotations"]["list"]
        return annotations

    @property
    def rows(self) -> tuple[Row, ...]:
        """Its rows: a collapsed one holds its panels, an open one is followed by them."""
        rows: list[tuple[Mapping[str, Any], list[Mapping[str, Any]]]] = []
        for panel in self.written["panels"]:
            if panel["type"] == "row":
                rows.append((panel, list(panel["panels"])))
            elif rows:
                rows[-1][1].append(panel)
            else:
                rows.append(({}, [panel]))
        return tuple(
            Row(row, tuple(Panel(str(row.get("title", "")), panel) for panel in panels)) for row, panels in rows
        )

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All of its panels but rows, those of collapsed rows as well."""
        return tuple(panel for row in self.rows for panel in row.panels)


def load() -> tuple[Dashboard, ...]:
    """Return the dashboards that are committed, by the name of their file."""
    return tuple(Dashboard(file.name, json.loads(file.read_text("utf-8"))) for file in sorted(FOLDER.glob("*.json")))
