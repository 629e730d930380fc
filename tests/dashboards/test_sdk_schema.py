"""The dashboards are as grafana-foundation-sdk has them, and a check that says so tells when one is not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from tests.dashboards.documents import FOLDER
from tests.dashboards.sdkschema import PANELS, problems

FILES = sorted(FOLDER.glob("*.json"))
STAT, TABLE, TIMESERIES = ("panels", 0), ("panels", 1), ("panels", 2, "panels", 0)

Place = Sequence[str | int]


def as_json(model: object) -> Any:
    return json.loads(JSONEncoder().encode(model))


def panel(kind: str) -> dict[str, Any]:
    """Return a panel of this type with the SDK's defaults."""
    options, custom = PANELS[kind]
    return {
        "type": kind,
        "options": as_json(options()),
        "fieldConfig": {"defaults": {"custom": as_json(custom())} if custom else {}, "overrides": []},
    }


def document(*panels: dict[str, Any]) -> dict[str, Any]:
    return {
        "schemaVersion": 42,
        "panels": list(panels),
        "annotations": {"list": []},
        "templating": {"list": []},
    }


def a_bit_of_everything() -> dict[str, Any]:
    everything = document(
        panel("stat"),
        panel("table"),
        {"type": "row", "id": 3, "collapsed": True, "panels": [panel("timeseries")]},
    )
    stat, table, row = everything["panels"]
    stat["options"]["reduceOptions"]["calcs"] = ["lastNotNull"]
    stat["targets"] = [{"refId": "A", "expr": "up", "instant": True}]
    stat["fieldConfig"]["defaults"] |= {
        "mappings": [{"type": "value", "options": {"1": {"text": "up"}}}],
        "thresholds": {"mode": "absolute", "steps": [{"value": None, "color": "green"}]},
    }
    table["transformations"] = [{"id": "merge", "options": {}}]
    table["fieldConfig"]["overrides"] = [
        {
            "matcher": {"id": "byName", "options": "model"},
            "properties": [
                {"id": "unit", "value": "s"},
                {"id": "custom.cellOptions", "value": {"type": "gauge", "mode": "basic"}},
                {"id": "links", "value": [{"title": "Its completions", "url": "/d/vlmrun-latency"}]},
            ],
        }
    ]
    row["panels"][0]["fieldConfig"]["defaults"]["links"] = [
        {
            "title": "Errors",
            "type": "link",
            "icon": "",
            "tooltip": "",
            "tags": [],
            "asDropdown": False,
            "targetBlank": False,
            "includeVars": True,
            "keepTime": True,
        }
    ]
    everything["templating"]["list"] = [{"type": "query", "name": "job", "refresh": 2, "query": "label_values(job)"}]
    everything["annotations"]["list"] = [
        {
            "name": "Alerts",
            "enable": True,
            "iconColor": "red",
            "placement": "inControlsMenu",
            "target": {"expr": "ALERTS"},
        }
    ]
    return everything


def inside(value: Any, place: Place) -> Any:
    """Return what is at a place inside a JSON value."""
    for key in place:
        value = value[key]
    return value


def path(place: Place) -> str:
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)


def test_there_are_dashboards():
    assert FILES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_dashboard_is_as_the_sdk_has_it(file):
    assert problems(json.loads(file.read_text(encoding="utf-8"))) == []


def test_a_bit_of_everything_is_right():
    assert problems(a_bit_of_everything()) == []


@pytest.mark.parametrize(
    "place",
    [
        ("schemaVersion",),
        ("templating",),
        ("annotations", "list", 0, "enable"),
        ("templating", "list", 0, "name"),
        ("panels", 2, "id"),
        (*STAT, "type"),
        (*STAT, "options", "graphMode"),
        (*STAT, "options", "reduceOptions", "calcs"),
        (*STAT, "targets", 0, "expr"),
        (*STAT, "fieldConfig", "defaults", "thresholds", "steps", 0, "value"),
        (*TABLE, "transformations", 0, "id"),
        (*TABLE, "fieldConfig", "overrides", 0, "matcher", "id"),
        (*TABLE, "fieldConfig", "overrides", 0, "properties", 0, "id"),
        (*TABLE, "fieldConfig", "overrides", 0, "properties", 2, "value", 0, "url"),
        (*TIMESERIES, "fieldConfig", "defaults", "links", 0, "keepTime"),
    ],
    ids=path,
)
def test_what_is_always_there_must_be_there(place):
    *around, key = place
    everything = a_bit_of_everything()
    del inside(everything, around)[key]
    assert problems(everything) == [f"{path(around)}: {key!r} is a required property"]


@pytest.mark.parametrize(
    "place",
    [
        ("tilte",),
        ("annotations", "list", 0, "target", "limit"),
        ("templating", "list", 0, "includeall"),
        ("panels", 2, "options"),
        (*STAT, "titel"),
        (*STAT, "options", "graphmode"),
        (*STAT, "options", "reduceOptions", "calc"),
        (*STAT, "targets", 0, "legend"),
        (*STAT, "fieldConfig", "defaults", "units"),
        (*TABLE, "options", "graphMode"),
        (*TABLE, "fieldConfig", "defaults", "custom", "lineWidth"),
        (*TABLE, "fieldConfig", "overrides", 0, "properties", 1, "value", "wrap"),
        (*TABLE, "fieldConfig", "overrides", 0, "properties", 2, "value", 0, "newTab"),
        (*TIMESERIES, "fieldConfig", "defaults", "links", 0, "openInNewTab"),
    ],
    ids=path,
)
def test_what_the_sdk_does_not_know_must_not_be_there(place):
    *around, key = place
    everything = a_bit_of_everything()
    inside(everything, around)[key] = "anything"
    [problem] = problems(everything)
    assert problem.startswith(f"{path(around)}: ") and f"{key!r} was unexpected" in problem


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (("schemaVersion",), "42", "is not of type 'integer'"),
        (("schemaVersion",), True, "is not of type 'integer'"),
        (("title",), None, "is not of type 'string'"),
        (("links",), {}, "is not of type 'array'"),
        (("graphTooltip",), 3, "is not one of [0, 1, 2]"),
        (("annotations", "list", 0, "enable"), "yes", "is not of type 'boolean'"),
        (("annotations", "list", 0, "placement"), "bottom", "'inControlsMenu' was expected"),
        (("templating", "list", 0, "type"), "querry", "is not one of ['query', "),
        (("templating", "list", 0, "refresh"), "onTimeRangeChanged", "is not one of [0, 1, 2]"),
        (("templating", "list", 0, "query"), 1, "is not valid under any of the given schemas"),
        (("panels", 2, "collapsed"), None, "is not of type 'boolean'"),
        ((*STAT, "type"), "statt", "is not one of ['bargauge', "),
        ((*STAT, "repeatDirection"), "x", "is not one of ['h', 'v']"),
        ((*STAT, "options", "graphMode"), "sparkle", "is not one of ['none', "),
        ((*STAT, "options", "wideLayout"), 1, "is not of type 'boolean'"),
        ((*STAT, "options", "reduceOptions", "calcs"), "mean", "is not of type 'array'"),
        ((*STAT, "options", "reduceOptions", "calcs", 0), 1, "is not of type 'string'"),
        ((*STAT, "targets", 0, "format"), "graph", "is not one of ['time_series', "),
        ((*STAT, "fieldConfig", "defaults", "custom"), {"width": 1}, "is expected to be empty"),
        ((*STAT, "fieldConfig", "defaults", "max"), "1", "is not of type 'number'"),
        ((*STAT, "fieldConfig", "defaults", "mappings", 0, "type"), "values", "is not one of ['value', "),
        ((*STAT, "fieldConfig", "defaults", "mappings", 0, "options", "down"), "red", "is not of type 'object'"),
        ((*TABLE, "fieldConfig", "defaults", "custom", "width"), "20em", "is not of type 'number'"),
        ((*TABLE, "fieldConfig", "overrides", 0, "properties", 0, "id"), "units", "is not one of ['displayName', "),
        ((*TABLE, "fieldConfig", "overrides", 0, "properties", 0, "id"), "custom", "is not one of ['displayName', "),
        ((*TABLE, "fieldConfig", "overrides", 0, "properties", 0, "value"), 7, "is not of type 'string'"),
        ((*TABLE, "fieldConfig", "overrides", 0, "properties", 1, "value", "type"), "bar", "is not one of ['auto', "),
        ((*TABLE, "fieldConfig", "overrides", 0, "properties", 1, "value", "mode"), "flat", "is not one of ['basic', "),
        ((*TIMESERIES, "type"), "row", "is not one of ['bargauge', "),
        ((*TIMESERIES, "options", "legend", "displayMode"), "grid", "is not one of ['list', "),
        ((*TIMESERIES, "fieldConfig", "defaults", "custom", "drawStyle"), "dots", "is not one of ['line', "),
        ((*TIMESERIES, "fieldConfig", "defaults", "custom", "spanNulls"), "1h", "is not valid under any of the"),
    ],
    ids=lambda each: path(each) if isinstance(each, tuple) else None,
)
def test_a_value_of_another_type_is_refused(place, value, reason):
    *around, key = place
    everything = a_bit_of_everything()
    inside(everything, around)[key] = value
    [problem] = problems(everything)
    assert problem.startswith(f"{path(place)}: ") and reason in problem


@pytest.mark.parametrize("kind", PANELS)
def test_each_type_of_panel_has_options_of_its_own(kind):
    assert problems(document(panel(kind))) == []
    for other in PANELS.keys() - {kind}:
        assert problems(document(panel(kind) | {"options": panel(other)["options"]})), other


@pytest.mark.parametrize("kind", PANELS)
def test_each_type_of_panel_has_field_settings_of_its_own(kind):
    changed = panel(kind)
    changed["fieldConfig"]["defaults"]["custom"] = {"widht": 1}
    found = problems(document(changed))
    assert any(each.startswith("$.panels[0].fieldConfig.defaults.custom: ") and "'widht'" in each for each in found)
