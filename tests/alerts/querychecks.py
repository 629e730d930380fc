"""What can be wrong with PromQL that parses: each check yields its problems, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

from promql_parser import AggModifierType, AggregateExpr, BinaryExpr, Call, Expr, Matcher, MatchOp, NumberLiteral

from tests.alerts import promql
from tests.alerts.inference import Labels
from tests.alerts.templates import DUMMY
from tests.alerts.vocabulary import Metric

OF_COUNTERS: Final = ("rate", "increase", "irate", "resets")
OF_GAUGES: Final = ("delta", "idelta", "deriv", "predict_linear")
PRESENCE: Final = ("absent", "absent_over_time", "present_over_time", "count", "group")
"""What does not look at a counter's value."""


class Late(Enum):
    """What a rate of what may be late has to say of it."""

    LEFT_OUT = "only what is not late is counted, as in rules"
    SAID = "it is said which are counted, as in documents"
    EITHER = "nothing"


def check(text: str, known: Mapping[str, Metric], late: Late = Late.LEFT_OUT) -> Iterator[str]:
    """Yield every problem of a PromQL text."""
    try:
        expr = promql.read(text)
    except ValueError as error:
        yield f"does not parse: {error}"
        return
    labels = Labels(known)
    labels.of(expr)
    yield from labels.problems
    for selector, above in promql.selectors(expr):
        name = promql.metric(selector)
        metric = known.get(name)
        if metric is None:
            yield f"{name or selector}: no such metric"
            continue
        for matcher in promql.matchers(selector):
            yield from _matcher(metric, matcher)
        yield from _use(metric, above)
        if metric.counter and "late" in metric.labels and _function(above, OF_COUNTERS):
            yield from _late(metric, promql.matchers(selector), above, late)


def check_names(text: str, known: Mapping[str, Metric]) -> Iterator[str]:
    """Yield what a text, perhaps the name of one series, speaks of and is not: metrics, labels, values.

    ``up`` may have any label: a scrape configuration can give its targets more.
    """
    try:
        expr = promql.read(text)
    except ValueError as error:
        yield f"does not parse: {error}"
        return
    for selector, _ in promql.selectors(expr):
        name = promql.metric(selector)
        if name not in known:
            yield f"{name}: no such metric"
            continue
        for matcher in promql.matchers(selector) if name != "up" else []:
            yield from _matcher(known[name], matcher)


def _matcher(metric: Metric, matcher: Matcher) -> Iterator[str]:
    if matcher.name not in metric.labels:
        yield f"{metric.name} has no label {matcher.name}"
        return
    if matcher.name not in metric.values or matcher.value == DUMMY:
        return
    pattern = matcher.op in (MatchOp.Re, MatchOp.NotRe)
    alternatives = pattern and not re.search(r"[()\[\]]", matcher.value)
    for value in matcher.value.split("|") if alternatives else [matcher.value]:
        wanted = value if pattern else re.escape(value)
        there = any(re.fullmatch(wanted, each) for each in metric.values[matcher.name])
        if not there and not (matcher.name == "code" and re.fullmatch(r"[1-5]\d\d", value)):
            yield f"{metric.name} has no {matcher.name}={value!r}"


def _use(metric: Metric, above: tuple[Expr, ...]) -> Iterator[str]:
    if function := _function(above, OF_COUNTERS):
        if not metric.counter:
            yield f"{function} of {metric.name}, which is no counter"
    elif function := _function(above, OF_GAUGES):
        if metric.counter:
            yield f"{function} of {metric.name}, which is a counter"
    elif metric.counter and not _function(above, PRESENCE) and not any(map(_times_nothing, above)):
        yield f"{metric.name} is a counter: its value says nothing, its rate does"


def _late(metric: Metric, matchers: list[Matcher], above: tuple[Expr, ...], late: Late) -> Iterator[str]:
    chosen = [matcher for matcher in matchers if matcher.name == "late"]
    if late is Late.LEFT_OUT and not any(
        matcher.op == MatchOp.Equal and matcher.value == "false" for matcher in chosen
    ):
        yield f'{metric.name}: a rate without late="false"'
    grouped = any(
        isinstance(each, AggregateExpr)
        and each.modifier is not None
        and each.modifier.type == AggModifierType.By
        and "late" in each.modifier.labels
        for each in above
    )
    if late is Late.SAID and not chosen and not grouped:
        yield f"{metric.name}: a rate that does not say which are late"


def _function(above: tuple[Expr, ...], names: tuple[str, ...]) -> str:
    """Return the innermost of these functions and aggregations around a selector, or an empty text."""
    for each in reversed(above):
        name = each.func.name if isinstance(each, Call) else ""
        name = promql.operator(each) if isinstance(each, AggregateExpr) else name
        if name in names:
            return name
    return ""


def _times_nothing(expr: Expr) -> bool:
    """Tell whether an expression is 0 for every series: only their labels are wanted."""
    return (
        isinstance(expr, BinaryExpr)
        and promql.operator(expr) == "*"
        and any(isinstance(side, NumberLiteral) and side.val == 0 for side in (expr.lhs, expr.rhs))
    )
