"""What the checks and the mutation need of promql-parser's trees: walking, writing, asking."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from promql_parser import (
    AggModifierType,
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    LabelModifierType,
    Matcher,
    MatchOp,
    MatrixSelector,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorMatchCardinality,
    VectorSelector,
    display_duration,
    parse,
)

COMPARISONS: Final = ("==", "!=", ">", "<", ">=", "<=")
SETS: Final = ("and", "or", "unless")

_MATCHES: Final = ((MatchOp.Equal, "="), (MatchOp.NotEqual, "!="), (MatchOp.Re, "=~"), (MatchOp.NotRe, "!~"))
"""Pairs, because promql-parser's values cannot be keys."""


def read(text: str) -> Expr:
    """Parse PromQL. Raises ValueError."""
    return parse(text)


def children(expr: Expr) -> tuple[Expr, ...]:
    """Return the expressions that ``expr`` is made of; a range selector's is its selector."""
    match expr:
        case BinaryExpr():
            return expr.lhs, expr.rhs
        case AggregateExpr():
            return (expr.expr,) if expr.param is None else (expr.param, expr.expr)
        case Call():
            return tuple(expr.args)
        case MatrixSelector():
            return (expr.vector_selector,)
        case ParenExpr() | UnaryExpr() | SubqueryExpr():
            return (expr.expr,)
    return ()


def walk(expr: Expr, above: tuple[Expr, ...] = ()) -> Iterator[tuple[Expr, tuple[Expr, ...]]]:
    """Yield every expression within ``expr``, and those that it is in, the outermost first."""
    yield expr, above
    for child in children(expr):
        yield from walk(child, (*above, expr))


def selectors(expr: Expr) -> Iterator[tuple[VectorSelector, tuple[Expr, ...]]]:
    """Yield every selector, and the expressions that it is in."""
    for each, above in walk(expr):
        if isinstance(each, VectorSelector):
            yield each, above


def metrics(text: str) -> frozenset[str]:
    """Return the names of the metrics that a PromQL text reads. Raises ValueError."""
    return frozenset(metric(selector) for selector, _ in selectors(read(text)))


def metric(selector: VectorSelector) -> str:
    """Return the name that is selected, empty if it is not said outright."""
    if selector.name is not None:
        return selector.name
    return next((m.value for m in selector.matchers.matchers if m.name == "__name__" and m.op == MatchOp.Equal), "")


def matchers(selector: VectorSelector) -> list[Matcher]:
    """Return every matcher of labels. Raises ValueError if some are alternatives, which Prometheus has not."""
    if selector.matchers.or_matchers:
        raise ValueError(f"{selector} has alternatives")
    return [matcher for matcher in selector.matchers.matchers if matcher.name != "__name__"]


def inner(expr: Expr) -> Expr:
    """Return what is inside of any parentheses."""
    while isinstance(expr, ParenExpr):
        expr = expr.expr
    return expr


def operator(expr: BinaryExpr | AggregateExpr) -> str:
    """Return the operator of a calculation or the name of an aggregation."""
    return str(expr.op)


def duration(value: timedelta) -> str:
    """Write a duration as in PromQL."""
    return display_duration(value)


def write_matchers(found: list[Matcher]) -> str:
    """Write matchers with their braces; nothing for none."""
    if not found:
        return ""
    return "{" + ",".join(f"{m.name}{_match(m.op)}{json.dumps(m.value)}" for m in found) + "}"


def write_offset(value: timedelta | None) -> str:
    """Write an offset with a blank before it; nothing for none."""
    return f" offset {duration(value)}" if value is not None else ""


def write_grouping(expr: AggregateExpr) -> str:
    """Write the ``by`` or ``without`` of an aggregation with a blank after it; nothing for none."""
    if expr.modifier is None:
        return ""
    word = "by" if expr.modifier.type == AggModifierType.By else "without"
    return f" {word} ({', '.join(expr.modifier.labels)}) "


def write_operator(expr: BinaryExpr, op: str) -> str:
    """Write ``op`` with the matching of ``expr``: bool, on, ignoring, group_left, group_right."""
    words = [op]
    modifier = expr.modifier
    if modifier is not None and modifier.return_bool:
        words.append("bool")
    if modifier is not None and modifier.matching is not None:
        word = "on" if modifier.matching.type == LabelModifierType.Include else "ignoring"
        words.append(f"{word} ({', '.join(modifier.matching.labels)})")
    if modifier is not None and modifier.card in (VectorMatchCardinality.ManyToOne, VectorMatchCardinality.OneToMany):
        word = "group_left" if modifier.card == VectorMatchCardinality.ManyToOne else "group_right"
        words.append(f"{word} ({', '.join(modifier.group_labels or [])})")
    return " ".join(words)


def _match(op: MatchOp) -> str:
    return next(word for each, word in _MATCHES if each == op)
