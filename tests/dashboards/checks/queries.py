"""What can be wrong with the queries of panels and annotations: each check yields its problems, in words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from itertools import product
from typing import Any, Final

from promql_parser import AggModifierType, AggregateExpr, Call, Expr, Matcher, MatchOp, MatrixSelector, VectorSelector

from tests.alerts import promql, querychecks
from tests.alerts.inference import Labels
from tests.alerts.querychecks import Late
from tests.alerts.vocabulary import ALERTS, TARGET
from tests.dashboards.checks.lexicon import Lexicon
from tests.dashboards.documents import Dashboard, Panel
from tests.dashboards.interpolation import interpolate, used

_RATE_INTERVAL: Final = timedelta(seconds=241)
"""A window that nobody writes: what has it has ``$__rate_interval``."""

_RANGE: Final = timedelta(hours=6, seconds=1)
"""The same for ``$__range``."""
_DAY: Final = timedelta(days=1)

_WINDOWS: Final = {
    "__rate_interval": promql.duration(_RATE_INTERVAL),
    "__range": promql.duration(_RANGE),
    "__interval": "1m",
}
_ANY: Final = ".+"
"""What All stands for."""

_HEATMAP: Final = "a heatmap has one series for each bucket; its description says to choose one source"
_ALL_MODELS: Final = "a share is of all models, whichever are chosen"
_WHOLE_ACCOUNT: Final = "budgets are of the whole account: what is chosen but the account does not count"

EXCEPTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("models.json", "Models (table)"): _ALL_MODELS,
    ("models.json", "Share of traffic (timeseries)"): _ALL_MODELS,
    ("latency.json", "Duration (heatmap)"): _HEATMAP,
    ("latency.json", "Time to first token (heatmap)"): _HEATMAP,
    ("tokens.json", "Output tokens (heatmap)"): _HEATMAP,
    ("credits.json", "Budgets (table)"): _WHOLE_ACCOUNT,
    ("credits.json", "Burn against pace (timeseries)"): _WHOLE_ACCOUNT,
}
"""Panels that add sources up, or leave out a variable, by file and name, each with its reason."""

LATE: Final = ("exporter.json", "Late completions per minute (timeseries)")
"""The one panel that shows late rows, and no others."""


def check(dashboard: Dashboard, lexicon: Lexicon) -> Iterator[str]:
    """Yield every problem of the queries of a dashboard; those of variables are checked with them."""
    for panel in dashboard.panels:
        yield from (f"{panel.name}: {problem}" for problem in _panel(dashboard, panel, lexicon))
    everything = "".join(target["expr"] for panel in dashboard.panels for target in panel.targets)
    for name in sorted(dashboard.declared - used(everything) - {"datasource"}):
        yield f"variable {name} is not used"
    for annotation in dashboard.annotations:
        name = f"annotation {annotation['name']}"
        yield from (f"{name}: {problem}" for problem in _text(annotation["expr"], dashboard, lexicon))
        for text in ("titleFormat", "textFormat"):
            yield from (f"{name}: {each}" for each in _legend(annotation[text], annotation["expr"], lexicon))


def check_choice(dashboard: Dashboard, panel: Panel, lexicon: Lexicon) -> Iterator[str]:
    """Yield where a panel adds sources up, or takes no account of what the reader has chosen."""
    for target in panel.targets:
        for selector, above in promql.selectors(parsed(target["expr"])):
            name = promql.metric(selector)
            if name == ALERTS or name not in lexicon.metrics:
                continue
            chosen = {
                matcher.name
                for matcher in promql.matchers(selector)
                if "$" not in matcher.value or _by_variable(matcher)
            }
            for label in sorted((lexicon.metrics[name].labels & dashboard.declared) - TARGET - chosen):
                yield f"{name} is not chosen by {label}"
            if lexicon.counts_completions(name) and not _list_by_list(selector, above):
                yield f"{name}: sources are added up"


def parsed(expr: str) -> Expr:
    """Parse a query of a dashboard, with its variables in place. Raises ValueError."""
    return promql.read(interpolate(expr, _WINDOWS))


def labels(expr: str, lexicon: Lexicon) -> frozenset[str]:
    """Return the labels of what a query yields. Raises ValueError."""
    return Labels(lexicon.metrics).of(parsed(expr)) or frozenset()


def _panel(dashboard: Dashboard, panel: Panel, lexicon: Lexicon) -> Iterator[str]:
    found = [problem for target in panel.targets for problem in _text(target["expr"], dashboard, lexicon)]
    yield from found
    if any("does not parse" in problem for problem in found):
        return
    for target in panel.targets:
        yield from _target(panel, target, "true" if (dashboard.file, panel.name) == LATE else "false", lexicon)
    yield from _overrides(panel, lexicon)
    if (dashboard.file, panel.name) not in EXCEPTIONS:
        yield from check_choice(dashboard, panel, lexicon)


def _text(expr: str, dashboard: Dashboard, lexicon: Lexicon) -> Iterator[str]:
    """Yield what is wrong with a query by itself."""
    for name in sorted(used(expr) - dashboard.declared):
        yield f"${name} is no variable of the dashboard"
    values = {**_WINDOWS, **dict.fromkeys(dashboard.declared, _ANY)}
    yield from querychecks.check(interpolate(expr, values), lexicon.metrics, Late.EITHER)  # see _window


def _target(panel: Panel, target: Mapping[str, Any], late: str, lexicon: Lexicon) -> Iterator[str]:
    expr = target["expr"]
    for selector, above in promql.selectors(parsed(expr)):
        name = promql.metric(selector)
        chosen = {matcher.name for matcher in promql.matchers(selector) if _by_variable(matcher)}
        for label in sorted(TARGET - chosen) if name != ALERTS else ():
            yield f"{name} is not chosen by {label}"
        yield from _window(selector, above, late, lexicon)
    if panel.type == "table":
        return
    if target["legendFormat"] in ("", "__auto"):
        yield f"query {target['refId']} has no legend"
    yield from _legend(target["legendFormat"], expr, lexicon)


def _by_variable(matcher: Matcher) -> bool:
    """Tell whether a matcher takes all that the reader has chosen, which may be several."""
    return matcher.op == MatchOp.Re and matcher.value == f"${matcher.name}"


def _window(selector: VectorSelector, above: tuple[Expr, ...], late: str, lexicon: Lexicon) -> Iterator[str]:
    """Yield what is wrong with the window of a selector.

    What is counted in ``$__rate_interval``, which is never shorter than four scrapes, happens now: it has to be of the
    rows whose ``late`` is as given. Totals take in all; they are of the time shown, or of days.
    """
    window = next((each.range for each in above if isinstance(each, MatrixSelector)), None)
    if window is None:
        return
    name = promql.metric(selector)
    function = next(each.func.name for each in reversed(above) if isinstance(each, Call))
    if window == _RATE_INTERVAL:
        chosen = [(each.name, each.op, each.value) for each in promql.matchers(selector)]
        if lexicon.counts_completions(name) and ("late", MatchOp.Equal, late) not in chosen:
            yield f'{name}: what happens now, and not late="{late}" alone'
    elif function in ("rate", "irate"):
        yield f"{function} of {name} in another window than $__rate_interval"
    elif window != _RANGE and window % _DAY:
        yield f"{function} of {name} in {promql.duration(window)}, which is neither the time shown nor days"


def _legend(text: str, expr: str, lexicon: Lexicon) -> Iterator[str]:
    there = labels(expr, lexicon)
    for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", text):
        if label not in there:
            yield f"{text} speaks of {label}, which is none of its labels: {', '.join(sorted(there))}"


def _overrides(panel: Panel, lexicon: Lexicon) -> Iterator[str]:
    """Yield overrides of series that there cannot be. They are chosen by the names that legends give them."""
    names = [name for target in panel.targets for name in _names(target, lexicon)]
    for override in panel.overrides:
        if override["matcher"]["id"] == "byRegexp":
            pattern = override["matcher"]["options"]
            if not any(re.search(pattern.strip("/"), name) for name in names):
                yield f"an override of {pattern}, which is no series of its"


def _names(target: Mapping[str, Any], lexicon: Lexicon) -> Iterator[str]:
    """Yield what a legend can make of the values of labels, as far as these are known; others are …"""
    values: dict[str, Collection[str]] = {}
    for name in promql.metrics(interpolate(target["expr"], _WINDOWS)):
        values |= lexicon.metrics[name].values if name in lexicon.metrics else {}
    parts = re.split(r"\{\{(\w+)\}\}", target["legendFormat"])
    for chosen in product(*(values.get(label, "…") for label in parts[1::2])):
        yield "".join(map(str.__add__, parts[::2], (*chosen, "")))


def _list_by_list(selector: VectorSelector, above: tuple[Expr, ...]) -> bool:
    """Tell whether what is selected stays apart by source, or is of one source."""
    if any(matcher.name == "source" and matcher.op == MatchOp.Equal for matcher in promql.matchers(selector)):
        return True
    return all(
        (modifier := each.modifier) is not None
        and ("source" in modifier.labels) == (modifier.type == AggModifierType.By)
        for each in above
        if isinstance(each, AggregateExpr) and promql.operator(each) not in ("topk", "bottomk")
    )
