"""A thin layer over the SDK's builders: panels as all dashboards have them, and what the SDK leaves out filled in.

What it leaves out shows in Grafana only: legends are off, and a stat reduces to nothing. Here, a panel cannot be made
without a unit and a description.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Final, Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, stat, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BarGaugeValueMode,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    HeatmapCellLayout,
    LegendDisplayMode,
    LegendPlacement,
    ScaleDistribution,
    SortOrder,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale

from dashboards.source.links import override
from dashboards.source.targets import DATASOURCE, LONG_STEP, Query

GOOD: Final = "green"
WARN: Final = "orange"
BAD: Final = "red"
PLAIN: Final = "text"
"""Names of Grafana's palette; the last one is the colour of text, for numbers that are neither good nor bad."""

NUMBER: Final = 5
GRAPH: Final = 10
"""Heights of panels, in units of Grafana's grid."""


_CALC_NAMES: Final = {"lastNotNull": "Last *", "max": "Max"}
"""What Grafana calls the columns of a legend."""


class _Panel(Protocol):
    """What the builders of all panels have in common."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: DataSourceRef) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def span(self, w: int) -> Self: ...
    def height(self, h: int) -> Self: ...
    def with_target(self, target: Builder[Dataquery]) -> Self: ...


P = TypeVar("P", bound=_Panel)


def dress(panel: P, title: str, description: str, queries: Sequence[Query], *, unit: str, width: int, height: int) -> P:
    """Give a panel what every panel has: no panel is without a description, a unit and the reader's data source."""
    panel = panel.title(title).description(description).datasource(DATASOURCE).unit(unit).span(width).height(height)
    for ref_id, query in zip(ascii_uppercase, queries, strict=False):
        panel = panel.with_target(query.target(ref_id))
    return panel


def steps(*limits: tuple[float, str], base: str = GOOD) -> dashboard.ThresholdsConfig:
    """Build colours by value: ``base``, and another from each limit on."""
    thresholds = [Threshold(None, base), *(Threshold(limit, color) for limit, color in limits)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(thresholds)


def nothing_is(text: str) -> list[ValueMapping]:
    """Build the mappings that say ``text`` for NaN, a ratio or quantile of nothing, and for a label that is absent."""
    result = ValueMappingResult(text=text, color=PLAIN)
    matches = (SpecialValueMatch.NULL_AND_NAN, SpecialValueMatch.EMPTY)
    return [SpecialValueMap(DashboardSpecialValueMapOptions(match, result)) for match in matches]


def states(no: tuple[str, str], yes: tuple[str, str]) -> list[ValueMapping]:
    """Build the mapping of 0 and of 1, each to a text and its colour."""
    said = {value: ValueMappingResult(text=text, color=color) for value, (text, color) in (("0", no), ("1", yes))}
    return [ValueMap(said)]


def number(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    width: int = 3,
    height: int = NUMBER,
    thresholds: dashboard.ThresholdsConfig | None = None,
    mappings: Sequence[ValueMapping] = (),
    decimals: int | None = None,
    nothing: str = "no data",
    ordered: Sequence[str] = (),
    link: Mapping[str, object] | None = None,
) -> stat.Panel:
    """Build a stat: the last value of each series, one below the other, with its name. ``nothing``: without a value.

    ``ordered`` are names of series, in the order in which they are to stand: Prometheus answers in any.
    """
    panel = (
        dress(stat.Panel(), title, description, queries, unit=unit, width=width, height=height)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .orientation(VizOrientation.HORIZONTAL)
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .text(common.VizTextDisplayOptions().title_size(12).value_size(16))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .thresholds(thresholds or steps(base=PLAIN))
        .mappings([*mappings, *nothing_is(nothing)])
        .no_value(nothing)
    )
    if decimals is not None:
        panel = panel.decimals(decimals)
    if ordered:
        places = {name: place for place, name in enumerate(ordered, 1)}
        panel = panel.with_transformation(DataTransformerConfig("joinByField", options={"byField": "Time"}))
        panel = panel.with_transformation(DataTransformerConfig("organize", options={"indexByName": places}))
    return panel.override_by_field_type("number", [override(link)]) if link else panel


def graph(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    width: int = 8,
    roof: float | None = None,
    doubling: bool = False,
    limits: dashboard.ThresholdsConfig | None = None,
    calcs: Sequence[str] = (),
    link: Mapping[str, object] | None = None,
    colors: Mapping[str, str] | None = None,
    dashed: str = "",
) -> timeseries.Panel:
    """Build a graph from 0 to ``roof`` or higher; ``doubling``: on a logarithmic scale, for what spans magnitudes.

    ``colors`` are by pattern of a series' name, ``dashed`` is one. ``calcs`` are shown of each series: the mean and the
    last value, or the highest where a mean of means and quantiles would say nothing.
    """
    estimates = any(query.step == LONG_STEP for query in queries)
    calcs = calcs or ("max" if estimates else "mean", "lastNotNull")
    panel = (
        dress(timeseries.Panel(), title, description, queries, unit=unit, width=width, height=GRAPH)
        .draw_style(GraphDrawStyle.LINE)
        .line_width(1)
        .fill_opacity(0)
        .show_points(VisibilityMode.AUTO)  # what has no neighbours is no line
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .calcs(list(calcs))
            .sort_by(_CALC_NAMES[calcs[-1]])
            .sort_desc(True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
    )
    if doubling:
        panel = panel.scale_distribution(common.ScaleDistributionConfig().type(ScaleDistribution.LOG).log(2))
    else:
        panel = panel.min(0)
    if roof is not None:
        panel = panel.axis_soft_max(roof)
    if limits is not None:
        panel = panel.thresholds(limits)
        panel = panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
    for pattern, color in (colors or {}).items():
        fixed = DynamicConfigValue("color", {"mode": FieldColorModeId.FIXED, "fixedColor": color})
        panel = panel.override_by_regexp(pattern, [fixed])
    if dashed:
        style = DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]})
        panel = panel.override_by_regexp(dashed, [style, DynamicConfigValue("custom.fillOpacity", 0)])
    return panel.override_by_field_type("number", [override(link)]) if link else panel


def buckets(title: str, description: str, query: Query, *, unit: str) -> heatmap.Panel:
    """Build a heatmap of a histogram; ``unit`` is that of its buckets. A cell is how many were in it."""
    return (
        dress(heatmap.Panel(), title, description, [query], unit="short", width=12, height=GRAPH)
        .calculate(False)
        .rows_frame(heatmap.RowsHeatmapOptions().layout(HeatmapCellLayout.AUTO).value("Completions"))
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .cell_values(heatmap.CellValues().unit("short").decimals(0))
        .cell_gap(0)
        .show_value(VisibilityMode.NEVER)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(HeatmapColorMode.SCHEME)
            .scheme("Oranges")
            .scale(HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(64)
        )
        .tooltip(heatmap.HeatmapTooltip().mode(TooltipDisplayMode.SINGLE).y_histogram(True))
        .exemplars_color("rgba(255,0,255,0.7)")
        .show_legend()
    )


def bars(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    thresholds: dashboard.ThresholdsConfig,
    width: int,
    height: int,
    nothing: str,
) -> bargauge.Panel:
    """Build horizontal bars of shares, from 0 to 1, one for each series."""
    return (
        dress(bargauge.Panel(), title, description, queries, unit=unit, width=width, height=height)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .value_mode(BarGaugeValueMode.COLOR)
        .text(common.VizTextDisplayOptions().title_size(14).value_size(18))
        .min(0)
        .max(1)
        .thresholds(thresholds)
        .no_value(nothing)
    )
