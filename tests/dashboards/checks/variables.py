"""What can be wrong with the variables of a dashboard: each check yields its problems, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from promql_parser import MatchOp

from tests.alerts import promql, querychecks
from tests.alerts.vocabulary import Metric
from tests.dashboards.documents import Dashboard
from tests.dashboards.interpolation import interpolate, used

ALL: Final = ".+"
"""What All has to stand for: any value, and not the absence of the label."""

_DATASOURCE: Final = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}
_ON_TIME_RANGE_CHANGED: Final = 2
_VALUES: Final = re.compile(r"label_values\((?P<series>.+), (?P<label>\w+)\)")


def check(dashboard: Dashboard, known: Mapping[str, Metric]) -> Iterator[str]:
    """Yield every problem of the variables, in their order: each is narrowed by those before it."""
    first, *others = dashboard.variables
    if not _DATASOURCE.items() <= first.items():
        yield "the first variable is not the data source"
    if first.get("multi") or first.get("includeAll"):
        yield "more than one data source can be chosen"
    for name in {"job", "instance"} - dashboard.declared:
        yield f"no variable {name}"
    before: list[str] = []
    for variable in others:
        yield from (f"variable {variable['name']}: {each}" for each in _variable(variable, before, known))
        before.append(variable["name"])
    if len(dashboard.declared) != len(dashboard.variables):
        yield "two variables of one name"


def _variable(variable: Mapping[str, Any], before: list[str], known: Mapping[str, Metric]) -> Iterator[str]:
    wanted = {
        "type": "query",
        "label": str(variable["name"]).capitalize(),
        "multi": True,
        "includeAll": True,
        "allValue": ALL,
        "refresh": _ON_TIME_RANGE_CHANGED,
        "definition": variable.get("query"),
    }
    for key, value in wanted.items():
        if variable.get(key) != value:
            yield f"{key} is {variable.get(key)!r}"
    if "datasource" not in variable:
        yield "no data source"
    if variable["current"]["value"] != ["$__all"]:
        yield "does not begin with All"
    asked = _VALUES.fullmatch(str(variable.get("query")))
    if asked is None:
        yield f"{variable.get('query')} is not label_values(series, label)"
        return
    if asked["label"] != variable["name"]:
        yield f"offers the values of {asked['label']}"
    for name in sorted(used(asked["series"]) - set(before)):
        yield f"uses ${name}, which is no variable before it"
    problems = list(querychecks.check_names(interpolate(asked["series"], dict.fromkeys(before, ALL)), known))
    yield from problems
    if not problems:
        yield from _narrowed(asked["series"], asked["label"], before, known)


def _narrowed(series: str, label: str, before: list[str], known: Mapping[str, Metric]) -> Iterator[str]:
    ((selector, _),) = promql.selectors(promql.read(series))
    labels = known[promql.metric(selector)].labels
    if label not in labels:
        yield f"{promql.metric(selector)} has no label {label}"
    chosen = [(matcher.name, matcher.op, matcher.value) for matcher in promql.matchers(selector)]
    for name in before:
        if name in labels and (name, MatchOp.Re, f"${name}") not in chosen:
            yield f"is not narrowed by {name}"
