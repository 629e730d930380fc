"""The dashboards keep to the conventions, and each check of them can fail."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.dashboards import documents
from tests.dashboards.checks import broken, conventions, grid, lexicon, variables
from tests.dashboards.checks.broken import GONE, Place
from tests.dashboards.documents import Dashboard

DASHBOARDS: Final = {dashboard.file: dashboard for dashboard in documents.load()}
METRICS: Final = lexicon.read().metrics

OVERVIEW: Final = DASHBOARDS["overview.json"]
LATENCY: Final = DASHBOARDS["latency.json"]
CREDITS: Final = DASHBOARDS["credits.json"]
DEFAULTS: Final = ("fieldConfig", "defaults")
ACCOUNT: Final = ("templating", "list", 3)

each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=lambda dashboard: dashboard.file)


@each_dashboard
def test_a_dashboard_keeps_to_the_conventions(dashboard: Dashboard) -> None:
    assert list(conventions.check(dashboard)) == []


@each_dashboard
def test_panels_fill_the_grid(dashboard: Dashboard) -> None:
    assert list(grid.check(dashboard)) == []


@each_dashboard
def test_variables_are_right(dashboard: Dashboard) -> None:
    assert list(variables.check(dashboard, METRICS)) == []


def test_dashboards_can_be_told_apart() -> None:
    for names in ([each.uid for each in DASHBOARDS.values()], [each.written["title"] for each in DASHBOARDS.values()]):
        assert len(set(names)) == len(names) > 0


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (("id",), 1, "an id"),
        (("uid",), "overview", "uid overview is not vlmrun-"),
        (("title",), "Overview", "the title does not begin with"),
        (("description",), "Completions", "no description"),
        (("tags",), [], "tags are not vlmrun alone"),
        (("editable",), GONE, "editable"),
        (("graphTooltip",), 0, "do not share a crosshair"),
        (("schemaVersion",), 40, "schemaVersion 40"),
        (("refresh",), "", "no refresh"),
        (("__inputs",), [], "__inputs"),
        (("links",), [], "no menu"),
        (("links", 0, "keepTime"), False, "no menu"),
        (("links", 0, "includeVars"), False, "no menu"),
        (("links", 0, "tags"), [], "no menu"),
        (("links", 0, "placement"), "inControlsMenu", "VLM Run: a placement"),
        (("annotations", "list"), [], "firing alerts are not marked"),
        (("annotations", "list", 0, "enable"), False, "firing alerts are not marked"),
        (("annotations", "list", 0, "expr"), 'ALERTS{alertstate="pending"}', "firing alerts are not marked"),
        (("annotations", "list", 0, "datasource"), GONE, "annotation Firing alerts has no data source"),
        (("annotations", "list", 0, "datasource", "uid"), "a1b2", "$.annotations.list.0: the data source is"),
        (("annotations", "list", 0, "placement"), "inControlsMenu", "Firing alerts: a placement"),
        ((*ACCOUNT, "datasource", "uid"), "${DS_PROMETHEUS}", "$.templating.list.3: the data source is"),
    ],
)
def test_a_bad_dashboard_is_noticed(place: Place, value: Any, problem: str) -> None:
    (found,) = broken.noticed(conventions.check, OVERVIEW, broken.changed(OVERVIEW, place, value))
    assert problem in found


@pytest.mark.parametrize(
    ("dashboard", "kind", "place", "value", "problem"),
    [
        (OVERVIEW, "row", (), GONE, "a row without a title"),
        (OVERVIEW, "row", ("title",), "", "a row without a title"),
        (OVERVIEW, "row", ("collapsed",), True, "an open row below a collapsed one"),
        (OVERVIEW, "row", ("id",), 7, "2 panels of id 7"),
        (OVERVIEW, "stat", ("id",), GONE, "1 panels of id None"),
        (OVERVIEW, "stat", ("title",), "Data age", "2 panels are called Data age (stat)"),
        (OVERVIEW, "stat", ("title",), GONE, "no title"),
        (
            OVERVIEW,
            "stat",
            ("title",),
            "Alerts that fire here, and now",
            "a title of 30 letters where fewer than 28 fit",
        ),
        (OVERVIEW, "stat", ("description",), GONE, "no description"),
        (OVERVIEW, "stat", ("description",), "Alerts", "no description"),
        (OVERVIEW, "stat", ("datasource",), GONE, "panel has no data source"),
        (OVERVIEW, "stat", ("datasource",), "Prometheus", "the data source is Prometheus"),
        (OVERVIEW, "stat", ("targets",), [], "no query"),
        (OVERVIEW, "stat", ("targets", 0, "datasource"), GONE, "query A has no data source"),
        (OVERVIEW, "stat", ("targets", 0, "datasource", "uid"), "grafana", "targets.0: the data source is"),
        (OVERVIEW, "stat", (*DEFAULTS, "unit"), GONE, "no unit"),
        (OVERVIEW, "stat", (*DEFAULTS, "unit"), "percent_unit", "unit 'percent_unit' is none"),
        (OVERVIEW, "stat", (*DEFAULTS, "noValue"), GONE, "says nothing where there is no value"),
        (OVERVIEW, "stat", ("options", "reduceOptions", "calcs"), [], "does not show the last value"),
        (OVERVIEW, "stat", ("targets", 0, "instant"), False, "query A may show what was once"),
        (OVERVIEW, "stat", ("targets", 0, "interval"), GONE, "query A may show what was once"),
        (OVERVIEW, "stat", ("type",), "piechart", "nothing is known of panels of type piechart"),
        (CREDITS, "bargauge", ("options", "reduceOptions", "calcs"), ["mean"], "does not show the last value"),
        (OVERVIEW, "timeseries", ("options", "legend", "showLegend"), False, "no legend"),
        (OVERVIEW, "timeseries", ("targets", 0, "interval"), GONE, "query A is not of a range with a least step"),
        (OVERVIEW, "timeseries", ("targets", 0, "range"), False, "query A is not of a range with a least step"),
        (LATENCY, "heatmap", ("options", "legend", "show"), False, "no legend"),
        (LATENCY, "heatmap", ("options", "yAxis", "unit"), GONE, "unit None of the y axis"),
        (LATENCY, "heatmap", ("options", "calculate"), True, "does not take the buckets as they are"),
        (LATENCY, "heatmap", ("targets", 0, "format"), "time_series", "does not take the buckets as they are"),
        (OVERVIEW, "table", ("targets", 1, "refId"), "A", "2 queries are called A"),
        (OVERVIEW, "table", ("targets", 1, "format"), "time_series", "query B is not of one moment"),
        (OVERVIEW, "table", ("targets", 1, "instant"), False, "query B is not of one moment"),
        (OVERVIEW, "table", (*DEFAULTS, "noValue"), "", "says nothing where there is no row"),
        (OVERVIEW, "table", (*DEFAULTS, "unit"), GONE, "no unit"),
        (OVERVIEW, "table", ("fieldConfig", "overrides", 3, "properties", 0, "value"), "sec", "unit 'sec' is none"),
    ],
)
def test_a_bad_panel_is_noticed(dashboard: Dashboard, kind: str, place: Place, value: Any, problem: str) -> None:
    worse = broken.changed(dashboard, broken.panel(dashboard, kind, place), value)
    (found,) = broken.noticed(conventions.check, dashboard, worse)
    assert problem in found


def test_a_row_without_panels_is_noticed() -> None:
    row = {"type": "row", "id": 0, "title": "Empty", "collapsed": False, "panels": []}
    worse = broken.changed(OVERVIEW, ("panels",), lambda panels: [row, *panels])
    assert broken.noticed(conventions.check, OVERVIEW, worse) == ["Empty: a row without panels"]


def test_an_open_row_that_holds_its_panels_is_noticed() -> None:
    number = next(place for place, each in enumerate(LATENCY.written["panels"]) if each.get("collapsed"))
    worse = broken.changed(LATENCY, ("panels", number, "collapsed"), False)
    (found,) = broken.noticed(conventions.check, LATENCY, worse)
    assert "an open row that holds its panels" in found


@pytest.mark.parametrize(
    ("kind", "coordinate", "change", "problem"),
    [
        ("row", "y", lambda y: y + 1, "Now: not a line of its own at 0"),
        ("row", "w", lambda w: w - 1, "Now: not a line of its own at 0"),
        ("stat", "x", lambda x: x + 1, "does not begin at column 0"),
        ("stat", "w", lambda w: w + 1, "does not begin at column 5"),
        ("stat", "h", lambda h: h - 1, "not of one height"),
        ("stat", "y", lambda y: y + 1, "and not at 1"),
        ("timeseries", "y", lambda y: y - 1, "and not at"),
        ("timeseries", "w", lambda w: w + 1, "does not begin at column"),
    ],
)
def test_a_misplaced_panel_is_noticed(kind: str, coordinate: str, change: Any, problem: str) -> None:
    worse = broken.changed(OVERVIEW, broken.panel(OVERVIEW, kind, ("gridPos", coordinate)), change)
    assert any(problem in found for found in broken.noticed(grid.check, OVERVIEW, worse))


def test_a_line_that_is_too_short_is_noticed() -> None:
    """The last panel of a line of five goes."""
    worse = broken.changed(OVERVIEW, ("panels", 5), GONE)
    (found,) = broken.noticed(grid.check, OVERVIEW, worse)
    assert found.endswith("19 columns wide")


def test_a_misplaced_panel_of_a_collapsed_row_is_noticed() -> None:
    number = next(place for place, each in enumerate(LATENCY.written["panels"]) if each.get("collapsed"))
    worse = broken.changed(LATENCY, ("panels", number, "panels", 0, "gridPos", "w"), 23)
    (found,) = broken.noticed(grid.check, LATENCY, worse)
    assert found.endswith("23 columns wide")


@pytest.mark.parametrize(
    ("place", "value", "problems"),
    [
        ((0, "label"), "Datasource", ["the first variable is not the data source"]),
        ((0, "query"), "loki", ["the first variable is not the data source"]),
        ((0, "multi"), True, ["more than one data source can be chosen"]),
        (
            (1, "name"),
            "jobs",
            ["no variable job", "label is 'Job'", "offers the values of job", "instance: uses $job"],
        ),
        ((3, "type"), "textbox", ["variable account: type is 'textbox'"]),
        ((3, "label"), "account", ["variable account: label is 'account'"]),
        ((3, "multi"), False, ["variable account: multi is False"]),
        ((3, "includeAll"), GONE, ["variable account: includeAll is None"]),
        ((3, "allValue"), ".*", ["variable account: allValue is '.*'"]),
        ((3, "refresh"), 1, ["variable account: refresh is 1"]),
        ((3, "definition"), "", ["variable account: definition is ''"]),
        ((3, "datasource"), GONE, ["variable account: no data source"]),
        ((3, "current", "value"), ["acme"], ["variable account: does not begin with All"]),
        ((3, "name"), "job", ["two variables of one name"]),
    ],
)
def test_a_bad_variable_is_noticed(place: Place, value: Any, problems: list[str]) -> None:
    worse = broken.changed(OVERVIEW, ("templating", "list", *place), value)
    found = "\n".join(broken.noticed(lambda each: variables.check(each, METRICS), OVERVIEW, worse))
    assert all(problem in found for problem in problems), found


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("query_result(vlmrun_exporter_auth_ok)", "is not label_values(series, label)"),
        ('label_values(vlmrun_exporter_auth_ok{job=~"$job"}, account)', "is not narrowed by instance"),
        ('label_values(vlmrun_exporter_auth_ok{job="$job", instance=~"$instance"}, account)', "not narrowed by job"),
        (
            'label_values(vlmrun_exporter_auth_ok{job=~"$job", instance=~"$instance"}, instance)',
            "the values of instance",
        ),
        ('label_values(vlmrun_exporter_up{job=~"$job", instance=~"$instance"}, account)', "no such metric"),
        ('label_values(vlmrun_exporter_build_info{job=~"$job", instance=~"$instance"}, account)', "no label account"),
        ('label_values(vlmrun_exporter_auth_ok{job=~"$job", plan="a"}, account)', "has no label plan"),
    ],
)
def test_a_bad_query_of_a_variable_is_noticed(query: str, problem: str) -> None:
    same = broken.changed(OVERVIEW, (*ACCOUNT, "definition"), query)
    worse = broken.changed(same, (*ACCOUNT, "query"), query)
    (found,) = broken.noticed(lambda each: variables.check(each, METRICS), OVERVIEW, worse)
    assert problem in found
