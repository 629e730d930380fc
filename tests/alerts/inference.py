"""Which labels the result of a PromQL expression has, as far as its text tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from promql_parser import (
    AggModifierType,
    AggregateExpr,
    BinaryExpr,
    BinModifier,
    Call,
    Expr,
    LabelModifierType,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    VectorMatchCardinality,
    VectorSelector,
)

from tests.alerts import promql
from tests.alerts.vocabulary import Metric

_SELECTING = ("topk", "bottomk", "limitk", "limit_ratio")
"""Aggregations whose results are some of the series that go in."""


class Labels:
    """Works out labels, and notes what cannot be on the way: in ``problems``, in words."""

    def __init__(self, known: Mapping[str, Metric]) -> None:
        self._known = known
        self.problems: list[str] = []

    def of(self, expr: Expr) -> frozenset[str] | None:
        """Return the labels; None for a number, or where they cannot be told."""
        match expr:
            case VectorSelector():
                metric = self._known.get(promql.metric(expr))
                return metric.labels if metric else None
            case MatrixSelector():
                return self.of(expr.vector_selector)
            case ParenExpr() | UnaryExpr() | SubqueryExpr():
                return self.of(expr.expr)
            case Call():
                return self._call(expr)
            case AggregateExpr():
                return self._aggregation(expr)
            case BinaryExpr():
                return self._calculation(expr)
        return None

    def _call(self, expr: Call) -> frozenset[str] | None:
        found = [labels for labels in map(self.of, expr.args) if labels is not None]
        name = expr.func.name
        if name == "absent":
            return frozenset(
                matcher.name for selector, _ in promql.selectors(expr) for matcher in promql.matchers(selector)
            )
        if name in ("time", "scalar", "vector"):
            return None if name != "vector" else frozenset()
        if name == "label_replace" and found and isinstance(expr.args[1], StringLiteral):
            return found[0] | {expr.args[1].val}
        if name == "histogram_quantile" and found:
            if "le" not in found[0]:
                self.problems.append(f"histogram_quantile of what has no le: {expr}")
            return found[0] - {"le"}
        return found[0] if found else None

    def _aggregation(self, expr: AggregateExpr) -> frozenset[str] | None:
        inner = self.of(expr.expr)
        if expr.modifier is None:
            return inner if promql.operator(expr) in _SELECTING else frozenset()
        named = frozenset(expr.modifier.labels)
        self._there(named, inner, promql.write_grouping(expr).strip())
        if promql.operator(expr) in _SELECTING:
            return inner
        if expr.modifier.type == AggModifierType.By:
            return named
        return inner - named if inner is not None else None

    def _calculation(self, expr: BinaryExpr) -> frozenset[str] | None:
        left, right = self.of(expr.lhs), self.of(expr.rhs)
        if _is_number(expr.lhs) or _is_number(expr.rhs):
            return right if _is_number(expr.lhs) else left
        op, modifier = promql.operator(expr), expr.modifier
        matching = modifier.matching if modifier is not None else None
        if modifier is None or matching is None:
            if op != "or" and None not in (left, right) and left != right:
                self.problems.append(f"{op} without on (…) of {_listed(left)} and {_listed(right)}: never match")
        else:
            written = promql.write_operator(expr, op)
            for side in {left, right}:
                self._there(frozenset(matching.labels), side, written)
        if op in ("and", "unless"):
            return left
        if op == "or":
            return left | right if left is not None and right is not None else None
        return self._matched(modifier, left, right)

    def _matched(
        self, modifier: BinModifier | None, left: frozenset[str] | None, right: frozenset[str] | None
    ) -> frozenset[str] | None:
        """Return the labels of a calculation of two vectors."""
        if modifier is None or modifier.matching is None:
            return left
        if modifier.card in (VectorMatchCardinality.ManyToOne, VectorMatchCardinality.OneToMany):
            many, one = (left, right) if modifier.card == VectorMatchCardinality.ManyToOne else (right, left)
            taken = frozenset(modifier.group_labels or ())
            self._there(taken, one, "group_left or group_right")
            return many | taken if many is not None else None
        named = frozenset(modifier.matching.labels)
        if modifier.matching.type == LabelModifierType.Include:
            return named
        return left - named if left is not None else None

    def _there(self, named: frozenset[str], labels: frozenset[str] | None, written: str) -> None:
        if labels is not None and (absent := named - labels):
            self.problems.append(f"{written}: no {_listed(absent)} among {_listed(labels)}")


def selected(expr: Expr) -> Iterator[str]:
    """Yield what of an alert's expression yields series that no comparison has chosen."""
    expr = promql.inner(expr)
    match expr:
        case BinaryExpr() if promql.operator(expr) in promql.COMPARISONS:
            if expr.modifier is not None and expr.modifier.return_bool:
                yield f"{expr}: bool chooses nothing"
            return
        case BinaryExpr() if promql.operator(expr) == "and":
            left, right = list(selected(expr.lhs)), list(selected(expr.rhs))
            if left and right:
                yield from (*left, *right)
            return
        case BinaryExpr() if promql.operator(expr) == "or":
            yield from (*selected(expr.lhs), *selected(expr.rhs))
            return
        case BinaryExpr() if promql.operator(expr) == "unless":
            yield from selected(expr.lhs)
            return
        case Call() if expr.func.name in ("absent", "absent_over_time"):
            return
        case AggregateExpr():
            yield from selected(expr.expr)
            return
    yield f"{expr}: no comparison"


def _is_number(expr: Expr) -> bool:
    """Tell whether an expression is a scalar, as far as rules use them."""
    expr = promql.inner(expr)
    match expr:
        case NumberLiteral():
            return True
        case UnaryExpr():
            return _is_number(expr.expr)
        case BinaryExpr():
            return _is_number(expr.lhs) and _is_number(expr.rhs)
        case Call():
            return expr.func.name in ("time", "scalar", "pi")
    return False


def _listed(labels: frozenset[str] | None) -> str:
    return ", ".join(sorted(labels or ())) or "nothing"
