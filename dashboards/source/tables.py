"""Tables: several queries of one moment, joined by their labels to one row for each combination of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from grafana_foundation_sdk.builders import dashboard, table
from grafana_foundation_sdk.builders.common import TableSortByFieldState
from grafana_foundation_sdk.models.dashboard import (
    DashboardRegexMapOptions,
    DataTransformerConfig,
    DynamicConfigValue,
    RegexMap,
    ValueMappingResult,
)

from dashboards.source.links import override
from dashboards.source.panels import GRAPH, dress, nothing_is
from dashboards.source.targets import column


@dataclass(frozen=True, slots=True)
class Label:
    """A label as a column, and where its cells lead. ``shown``: a text that stands for any value, as for an address."""

    label: str
    title: str
    link: Mapping[str, object] | None = None
    width: int | None = None
    shown: str = ""

    def properties(self) -> list[DynamicConfigValue]:
        """Return what an override says about the column."""
        # Else a cell without the label would say what the table says without rows.
        mappings = nothing_is("-")
        if self.shown:
            mappings.append(RegexMap(DashboardRegexMapOptions(".+", ValueMappingResult(text=self.shown))))
        found = [DynamicConfigValue("mappings", mappings)]
        if self.link:
            found.append(override(self.link))
        if self.width:
            found.append(DynamicConfigValue("custom.width", self.width))
        return found


@dataclass(frozen=True, slots=True)
class Value:
    """A query's value as a column. Its cells may have colours by ``thresholds``, or a ``bar`` as long as the value."""

    expr: str
    title: str
    unit: str
    decimals: int | None = None
    thresholds: dashboard.ThresholdsConfig | None = None
    bar: bool = False
    width: int | None = None

    def properties(self) -> list[DynamicConfigValue]:
        """Return what an override says about the column."""
        found = [DynamicConfigValue("unit", self.unit), DynamicConfigValue("mappings", nothing_is("-"))]
        if self.decimals is not None:
            found.append(DynamicConfigValue("decimals", self.decimals))
        if self.thresholds is not None:
            found.append(DynamicConfigValue("thresholds", self.thresholds.build()))
            found.append(DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
        if self.bar:
            found.append(DynamicConfigValue("custom.cellOptions", {"type": "gauge", "mode": "basic"}))
            found.append(DynamicConfigValue("color", {"mode": "continuous-blues"}))
            found.append(DynamicConfigValue("min", 0))
            # Else the longest bar is as long as the highest value of all columns says.
            found.append(DynamicConfigValue("fieldMinMax", True))
        if self.width:
            found.append(DynamicConfigValue("custom.width", self.width))
        return found


@dataclass(frozen=True, slots=True)
class Rows:
    """A query whose labels are all that is to be seen: its value is no column."""

    expr: str


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a table: labels, then values. It is sorted by the column called ``by``, the highest first or last."""

    labels: Sequence[Label]
    values: Sequence[Value | Rows]
    by: str
    descending: bool = True

    def panel(
        self, title: str, description: str, *, width: int = 24, height: int = GRAPH, nothing: str = "Nothing."
    ) -> table.Panel:
        """Build the panel. ``nothing`` is said where there is no row."""
        queries = [column(value.expr) for value in self.values]
        panel = (
            dress(table.Panel(), title, description, queries, unit="none", width=width, height=height)
            .with_transformation(DataTransformerConfig("merge", options={}))
            .with_transformation(DataTransformerConfig("organize", options=self._organized()))
            .sort_by([TableSortByFieldState().display_name(self.by).desc(self.descending)])
            .filterable(False)
            .no_value(nothing)
        )
        columns: list[Label | Value] = [*self.labels, *self._shown()]
        for each in columns:
            panel = panel.override_by_name(each.title, each.properties())
        return panel

    def _shown(self) -> list[Value]:
        return [value for value in self.values if isinstance(value, Value)]

    def _organized(self) -> dict[str, object]:
        """Name the columns, and put them in order. Grafana calls values by the letters of their queries, if several."""
        letters = [f"Value #{letter}" for letter in ascii_uppercase[: len(self.values)]]
        if len(letters) == 1:
            letters = ["Value"]
        columns = dict(zip(letters, self.values, strict=True))
        names = {label.label: label.title for label in self.labels}
        names |= {letter: value.title for letter, value in columns.items() if isinstance(value, Value)}
        unseen = [letter for letter, value in columns.items() if isinstance(value, Rows)]
        return {
            "renameByName": names,
            "indexByName": {name: place for place, name in enumerate(names)},
            "excludeByName": dict.fromkeys(("Time", *unseen), True),
        }
