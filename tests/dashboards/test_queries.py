"""Every query of the dashboards is right as far as its text tells, and each check of them can fail."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.dashboards import documents
from tests.dashboards.checks import broken, exemplars, lexicon, queries, tables
from tests.dashboards.checks.broken import GONE, Place
from tests.dashboards.documents import Dashboard, Panel
from tests.dashboards.interpolation import interpolate, used

DASHBOARDS: Final = {dashboard.file: dashboard for dashboard in documents.load()}
LEXICON: Final = lexicon.read()

OVERVIEW: Final = DASHBOARDS["overview.json"]
LATENCY: Final = DASHBOARDS["latency.json"]
CREDITS: Final = DASHBOARDS["credits.json"]
PANELS: Final = [(dashboard, panel) for dashboard in DASHBOARDS.values() for panel in dashboard.panels]

CHOSEN: Final = 'job=~"$job", instance=~"$instance", account=~"$account", source=~"$source"'
ALL_CHOSEN: Final = f'{CHOSEN}, model=~"$model", skill=~"$skill"'
NOW: Final = f'vlmrun_completions_total{{{ALL_CHOSEN}, late="false"}}[$__rate_interval]'


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=lambda dashboard: dashboard.file)
def test_queries_are_right(dashboard: Dashboard) -> None:
    assert list(queries.check(dashboard, LEXICON)) == []


@pytest.mark.parametrize(
    "panel",
    [panel for _, panel in PANELS if panel.type == "table"],
    ids=lambda panel: panel.name,
)
def test_the_columns_of_a_table_are_there(panel: Panel) -> None:
    assert list(tables.check(panel, LEXICON)) == []


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=lambda dashboard: dashboard.file)
def test_exemplars_are_asked_for_where_they_are(dashboard: Dashboard) -> None:
    assert _exemplars(dashboard) == []


@pytest.mark.parametrize("exception", queries.EXCEPTIONS, ids=" ".join)
def test_an_exception_is_needed_and_the_reader_is_told(exception: tuple[str, str]) -> None:
    file, name = exception
    (panel,) = (panel for panel in DASHBOARDS[file].panels if panel.name == name)
    assert list(queries.check_choice(DASHBOARDS[file], panel, LEXICON))
    assert "source" in panel.written["description"].lower()


@pytest.mark.parametrize(
    ("expr", "problems"),
    [
        (f"sum by (source) (rate({NOW}))", []),
        (f"sum by (source) (increase(vlmrun_completions_total{{{ALL_CHOSEN}}}[$__range]))", []),
        (f"sum by (source) (increase(vlmrun_completions_total{{{ALL_CHOSEN}}}[7d]))", []),
        (f"max by (source) (vlmrun_exporter_source_up{{{CHOSEN}}})", []),
        (f"topk(3, sum by (source) (rate({NOW})))", []),
        (f"topk by (model) (3, rate({NOW}))", []),
        (f"sum without (model) (rate({NOW}))", []),
        (f"sum(rate({NOW}))".replace('source=~"$source"', 'source="completions"'), ["speaks of source"]),
        ("rate(", ["does not parse"]),
        ("", ["does not parse"]),
        (f"vlmrun_source_up{{{CHOSEN}}}", ["vlmrun_source_up: no such metric", "speaks of source"]),
        (f"max by (source) (vlmrun_exporter_source_up{{{CHOSEN}, code='200'}})", ["has no label code"]),
        (f"max by (source) (vlmrun_exporter_coverage_gap_seconds{{{CHOSEN}, state='shut'}})", ["has no state='shut'"]),
        (f"max by (source) (rate(vlmrun_exporter_source_up{{{CHOSEN}}}[$__rate_interval]))", ["which is no counter"]),
        (f"max by (source) (vlmrun_exporter_polls_total{{{CHOSEN}}})", ["its value says nothing"]),
        (f"max by (source) (vlmrun_exporter_source_up{{{CHOSEN}}} > $budget)", ["does not parse", "$budget"]),
        (
            f"max by (source) (vlmrun_exporter_source_up{{{CHOSEN}}})".replace("$account", "$owner"),
            ["$owner is no variable of the dashboard", "vlmrun_exporter_source_up is not chosen by account"],
        ),
        (
            f"max by (source) (vlmrun_exporter_source_up{{{CHOSEN}}})".replace("$job", "vlmrun-exporter"),
            ["vlmrun_exporter_source_up is not chosen by job"],
        ),
        (
            f"max by (source) (vlmrun_exporter_source_up{{{CHOSEN}}})".replace('job=~"$job"', 'job="$job"'),
            ["vlmrun_exporter_source_up is not chosen by job"],
        ),
        (
            f"max by (source) (vlmrun_exporter_source_up{{{CHOSEN}}})".replace('instance=~"$instance", ', ""),
            ["vlmrun_exporter_source_up is not chosen by instance"],
        ),
        (
            f"sum by (source) (rate({NOW}))".replace(', skill=~"$skill"', ""),
            ["vlmrun_completions_total is not chosen by skill"],
        ),
        (
            f"sum by (source) (rate({NOW}))".replace('skill=~"$skill"', 'skill="$skill"'),
            ["vlmrun_completions_total is not chosen by skill"],
        ),
        (
            f"sum by (source) (rate({NOW}))".replace('late="false"', 'late="true"'),
            ['vlmrun_completions_total: what happens now, and not late="false" alone'],
        ),
        (
            f"sum by (source) (rate({NOW}))".replace("$__rate_interval", "5m"),
            ["rate of vlmrun_completions_total in another window than $__rate_interval"],
        ),
        (
            f"sum by (source) (irate({NOW}))".replace("$__rate_interval", "$__range"),
            ["rate of vlmrun_completions_total in another window than $__rate_interval"],
        ),
        (
            f"sum by (source) (rate({NOW}))".replace(', late="false"', ""),
            ['vlmrun_completions_total: what happens now, and not late="false" alone'],
        ),
        (
            f"sum by (source) (increase({NOW}))".replace("$__rate_interval", "1h"),
            ["increase of vlmrun_completions_total in 1h, which is neither the time shown nor days"],
        ),
        (
            f"sum by (source) (increase({NOW}))".replace(', late="false"', ""),
            ['vlmrun_completions_total: what happens now, and not late="false" alone'],
        ),
        (f"sum(rate({NOW}))", ["vlmrun_completions_total: sources are added up", "which is none of its labels"]),
        (
            f"max by (source) (sum by (model) (rate({NOW})))",
            ["vlmrun_completions_total: sources are added up", "by (source): no source among model"],
        ),
        (f"sum without (source) (rate({NOW}))", ["sources are added up", "which is none of its labels"]),
        (f"sum by (model) (rate({NOW}))", ["sources are added up", "{{source}} speaks of source"]),
    ],
)
def test_a_bad_query_is_noticed(expr: str, problems: list[str]) -> None:
    place = broken.panel(OVERVIEW, "stat", ("targets", 0))
    legend = broken.changed(OVERVIEW, (*place, "legendFormat"), "{{source}}")
    found = broken.noticed(_check, OVERVIEW, broken.changed(legend, (*place, "expr"), expr))
    assert len(found) == len(problems), found
    for problem in problems:
        assert any(problem in each for each in found), found


_FIRST_OVERRIDE: Final = ("fieldConfig", "overrides", 0, "matcher", "options")


@pytest.mark.parametrize(
    ("dashboard", "kind", "place", "value", "problem"),
    [
        (OVERVIEW, "stat", ("targets", 0, "legendFormat"), "__auto", "query A has no legend"),
        (OVERVIEW, "stat", ("targets", 0, "legendFormat"), "", "query A has no legend"),
        (OVERVIEW, "stat", ("targets", 0, "legendFormat"), "{{model}}", "{{model}} speaks of model"),
        (OVERVIEW, "timeseries", _FIRST_OVERRIDE, "/^err$/", "an override of /^err$/, which is no series"),
        (CREDITS, "timeseries", _FIRST_OVERRIDE, "/^perod/", "an override of /^perod/, which is no series"),
    ],
)
def test_a_bad_panel_is_noticed(dashboard: Dashboard, kind: str, place: Place, value: Any, problem: str) -> None:
    worse = broken.changed(dashboard, broken.panel(dashboard, kind, place), value)
    (found,) = broken.noticed(_check, dashboard, worse)
    assert problem in found


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (("annotations", "list", 0, "expr"), "ALERT", "annotation Firing alerts: ALERT: no such metric"),
        (("annotations", "list", 0, "titleFormat"), "{{name}}", "Firing alerts: {{name}} speaks of name"),
        (("annotations", "list", 0, "textFormat"), "{{plan}}", "Firing alerts: {{plan}} speaks of plan"),
        (("templating", "list", 5, "name"), "plan", "variable plan is not used"),
    ],
)
def test_a_bad_annotation_or_variable_is_noticed(place: Place, value: Any, problem: str) -> None:
    found = broken.noticed(_check, OVERVIEW, broken.changed(OVERVIEW, place, value))
    assert any(problem in each for each in found), found


@pytest.mark.parametrize(
    ("dashboard", "kind", "place", "value", "problem"),
    [
        (OVERVIEW, "stat", ("exemplar",), True, "query A asks for exemplars, which a stat does not show"),
        (OVERVIEW, "timeseries", ("exemplar",), False, "no query asks for exemplars, which its metrics have"),
        (LATENCY, "heatmap", ("exemplar",), False, "no query asks for exemplars, which its metrics have"),
        (
            OVERVIEW,
            "timeseries",
            ("expr",),
            lambda expr: expr.replace('late="false"', 'late="false", status="success"'),
            "query A asks for exemplars, which its metrics do not have",
        ),
        (
            LATENCY,
            "heatmap",
            ("expr",),
            lambda expr: expr.replace("duration", "time_to_first_token"),
            "query A asks for exemplars, which its metrics do not have",
        ),
    ],
)
def test_exemplars_where_they_are_not_are_noticed(
    dashboard: Dashboard, kind: str, place: Place, value: Any, problem: str
) -> None:
    worse = broken.changed(dashboard, broken.panel(dashboard, kind, ("targets", 0, *place)), value)
    (found,) = broken.noticed(_exemplars, dashboard, worse)
    assert found.endswith(problem)


@pytest.mark.parametrize(
    ("expr", "noticed"),
    [
        (f"sum by (source) (rate({NOW}))", False),
        (f"sum by (source) (rate({NOW}))".replace("late=", 'status="error", late='), True),
        (f"sum by (source, status) (rate({NOW}))", True),
        (f"sum by (source) (rate({NOW}))".replace("completions", "slow_low_token_completions"), True),
        (f"sum by (source) (rate({NOW}))".replace("completions_total", "completion_duration_seconds_sum"), False),
        (f"sum by (source) (rate({NOW}))".replace("completions_total", "completion_duration_seconds_bucket"), True),
    ],
)
def test_exemplars_help_with_histograms_and_with_what_went_wrong(expr: str, noticed: bool) -> None:
    place = broken.panel(OVERVIEW, "timeseries", ("targets",))
    target = {**OVERVIEW.panels[0].targets[0], "expr": expr, "exemplar": False}
    assert bool(broken.noticed(_exemplars, OVERVIEW, broken.changed(OVERVIEW, place, [target]))) == noticed


ORGANIZED: Final = ("transformations", 1, "options")


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (("targets", 1, "expr"), f"sum by (source) (rate({NOW}))", "queries of different labels"),
        (("transformations",), [], "transformations are "),
        ((*ORGANIZED, "renameByName", "model"), GONE, "column model has no title"),
        ((*ORGANIZED, "renameByName", "skill"), "Skill", "renameByName names skill, which is none of its columns"),
        ((*ORGANIZED, "indexByName", "Value"), 9, "indexByName names Value, which is none of its columns"),
        ((*ORGANIZED, "excludeByName", "account"), True, "excludeByName names account, which is none of its columns"),
        ((*ORGANIZED, "indexByName", "source"), GONE, "column source has no place"),
        ((*ORGANIZED, "excludeByName", "Time"), GONE, "column Time has no title"),
        ((*ORGANIZED, "excludeByName", "Value #B"), True, "an override names Failed, which is none of its titles"),
        ((*ORGANIZED, "renameByName", "Value #A"), "Failed", "2 columns are called Failed"),
        (("options", "sortBy", 0, "displayName"), "Value #A", "sortBy names Value #A, which is none of its titles"),
        (("fieldConfig", "overrides", 1, "matcher", "options"), "source", "an override names source"),
        (
            ("fieldConfig", "overrides", 0, "properties", 1, "value", 0, "url"),
            "/d/vlmrun-models?var-model=${__data.fields.model:percentencode}",
            "a link names model, which is none of its titles",
        ),
    ],
)
def test_a_bad_table_is_noticed(place: Place, value: Any, problem: str) -> None:
    worse = broken.changed(OVERVIEW, broken.panel(OVERVIEW, "table", place), value)
    found = broken.noticed(_tables, OVERVIEW, worse)
    assert any(problem in each for each in found), found


@pytest.mark.parametrize(
    ("text", "names", "result"),
    [
        ('a{b=~"$b"}[$__range]', {"b"}, 'a{b=~"x"}[6h]'),
        ("${b:queryparam}&${__data.fields.Model:percentencode}", {"b"}, "x&${__data.fields.Model:percentencode}"),
        ("$bb [[b:regex]] ${__range}", {"bb", "b"}, "$bb x 6h"),
        ("100$ {{b}}", set(), "100$ {{b}}"),
    ],
)
def test_variables_are_replaced(text: str, names: set[str], result: str) -> None:
    assert used(text) == names
    assert interpolate(text, {"b": "x", "__range": "6h"}) == result


def _check(dashboard: Dashboard) -> list[str]:
    return list(queries.check(dashboard, LEXICON))


def _exemplars(dashboard: Dashboard) -> list[str]:
    return [f"{panel.name}: {problem}" for panel in dashboard.panels for problem in exemplars.check(panel, LEXICON)]


def _tables(dashboard: Dashboard) -> list[str]:
    found = [panel for panel in dashboard.panels if panel.type == "table"]
    return [f"{panel.name}: {problem}" for panel in found for problem in tables.check(panel, LEXICON)]
