"""Every small mistake that one could make in a rule: each a rule of its own, with one thing changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
    parse_duration,
)

from tests.alerts import promql
from tests.alerts.rulefiles import Rule

FLIPPED: Final = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}
SWAPPED: Final = {"*": "/", "/": "*", "+": "-", "-": "+", "and": "or", "unless": "and"}
AGGREGATIONS: Final = {"max": "sum", "sum": "max", "min": "max", "avg": "max", "count": "sum"}
LABELS: Final = {"severity": ("critical", "warning"), "family": ("errors", "latency")}
"""Values for a label: the first that it does not have is put in its place."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule with one change."""

    rule: Rule
    """As it should be."""
    mutated: Rule
    change: str
    """In words; with a number from the second on, if the same can be changed in several places."""
    where: str
    """The changed part of its expression, written anew; empty if the change is elsewhere."""


@dataclass(frozen=True, slots=True)
class _Variant:
    """An expression with one change: its whole text, and the least part that shows what the change does."""

    text: str
    change: str
    where: str


def mutants(rule: Rule) -> list[Mutant]:
    """Return all of a rule's mutants. Raises ValueError if its expression cannot be parsed."""
    changed = [*_exprs(rule), *_durations(rule), *_labels(rule)]
    met: Counter[str] = Counter()
    found = []
    for mutated, change, where in changed:
        met[change] += 1
        numbered = change if met[change] == 1 else f"{change} #{met[change]}"
        found.append(Mutant(rule, mutated, numbered, where))
    return found


def unchanged(rule: Rule) -> Rule:
    """Return the rule with its expression written anew, as it is in every mutant."""
    return replace(rule, expr=_text(promql.read(rule.expr)))


def _exprs(rule: Rule) -> Iterator[tuple[Rule, str, str]]:
    for variant in _variants(promql.read(rule.expr)):
        promql.read(variant.text)
        yield replace(rule, expr=variant.text), variant.change, variant.where


def _durations(rule: Rule) -> Iterator[tuple[Rule, str, str]]:
    if rule.wait:
        twice = _times(rule.wait, 2)
        yield replace(rule, wait=twice), f"for {rule.wait} to {twice}", ""
        yield replace(rule, wait=""), f"for {rule.wait} removed", ""
    if rule.keep_firing_for:
        twice = _times(rule.keep_firing_for, 2)
        yield replace(rule, keep_firing_for=twice), f"keep_firing_for {rule.keep_firing_for} to {twice}", ""
        yield replace(rule, keep_firing_for=""), f"keep_firing_for {rule.keep_firing_for} removed", ""


def _labels(rule: Rule) -> Iterator[tuple[Rule, str, str]]:
    for label, value in rule.labels.items():
        other = next(each for each in LABELS.get(label, ("other",)) if each != value)
        yield replace(rule, labels={**rule.labels, label: other}), f"label {label} {value} to {other}", ""


def _times(written: str, factor: float) -> str:
    return promql.duration(parse_duration(written) * factor)


def _text(expr: Expr) -> str:
    """Write an expression, every calculation in parentheses of its own."""
    match expr:
        case BinaryExpr():
            return f"({_text(expr.lhs)} {promql.write_operator(expr, promql.operator(expr))} {_text(expr.rhs)})"
        case AggregateExpr():
            return _aggregation(expr, promql.operator(expr), tuple(map(_text, promql.children(expr))))
        case Call():
            return f"{expr.func.name}({', '.join(map(_text, expr.args))})"
        case ParenExpr():
            return _text(expr.expr)
        case UnaryExpr():
            return f"(-{_text(expr.expr)})"
        case SubqueryExpr():
            return f"{_text(expr.expr)}[{_range(expr, 1)}]{promql.write_offset(expr.offset)}"
        case MatrixSelector():
            return _selector(expr.vector_selector, f"[{promql.duration(expr.range)}]")
        case VectorSelector():
            return _selector(expr)
    return str(expr)


def _variants(expr: Expr, span: str = "") -> Iterator[_Variant]:
    """Yield the expression with each change; ``span`` is the range of the selector that it is."""
    match expr:
        case BinaryExpr():
            yield from _calculations(expr)
        case AggregateExpr():
            parts = tuple(map(_text, promql.children(expr)))
            op = promql.operator(expr)
            if other := AGGREGATIONS.get(op):
                text = _aggregation(expr, other, parts)
                yield _Variant(text, f"{op} to {other}", text)
            for place, part in enumerate(promql.children(expr)):
                for variant in _variants(part):
                    yield replace(variant, text=_aggregation(expr, op, _with(parts, place, variant.text)))
        case Call():
            parts = tuple(map(_text, expr.args))
            for place, part in enumerate(expr.args):
                for variant in _variants(part):
                    text = f"{expr.func.name}({', '.join(_with(parts, place, variant.text))})"
                    yield replace(variant, text=text, where=variant.where or text)
        case ParenExpr():
            yield from _variants(expr.expr)
        case UnaryExpr():
            for variant in _variants(expr.expr):
                text = f"(-{variant.text})"
                yield replace(variant, text=text, where=variant.where or text)
        case SubqueryExpr():
            for factor in (2, 0.5):
                text = f"{_text(expr.expr)}[{_range(expr, factor)}]{promql.write_offset(expr.offset)}"
                yield _Variant(text, f"[{_range(expr, 1)}] to [{_range(expr, factor)}]", text)
            for variant in _variants(expr.expr):
                yield replace(variant, text=f"{variant.text}[{_range(expr, 1)}]{promql.write_offset(expr.offset)}")
        case MatrixSelector():
            yield from _ranges(expr)
        case VectorSelector():
            yield from _selections(expr, span)
        case NumberLiteral():
            for value in (1.0,) if expr.val == 0 else (expr.val * 1.5, expr.val / 1.5):
                yield _Variant(f"{value:.10g}", f"{expr.val:g} to {value:g}", "")


def _calculations(expr: BinaryExpr) -> Iterator[_Variant]:
    op, left, right = promql.operator(expr), _text(expr.lhs), _text(expr.rhs)
    if op == "or":
        yield _Variant(left, "or: its left side only", left)
        yield _Variant(right, "or: its right side only", right)
    elif other := FLIPPED.get(op) or SWAPPED[op]:
        text = f"({left} {promql.write_operator(expr, other)} {right})"
        yield _Variant(text, f"{op} to {other}", text)
    written = promql.write_operator(expr, op)
    for variant in _variants(expr.lhs):
        text = f"({variant.text} {written} {right})"
        yield replace(variant, text=text, where=variant.where or text)
    for variant in _variants(expr.rhs):
        text = f"({left} {written} {variant.text})"
        yield replace(variant, text=text, where=variant.where or text)


def _ranges(expr: MatrixSelector) -> Iterator[_Variant]:
    span = promql.duration(expr.range)
    for factor in (2, 0.5):
        other = promql.duration(expr.range * factor)
        text = _selector(expr.vector_selector, f"[{other}]")
        yield _Variant(text, f"[{span}] to [{other}]", text)
    yield from _variants(expr.vector_selector, f"[{span}]")


def _selections(expr: VectorSelector, span: str) -> Iterator[_Variant]:
    found = promql.matchers(expr)
    for matcher in found:
        fewer = [each for each in found if each is not matcher]
        text = f"{promql.metric(expr)}{promql.write_matchers(fewer)}{span}{promql.write_offset(expr.offset)}"
        yield _Variant(text, f"without {promql.write_matchers([matcher])}", text)
    if expr.offset is not None:
        for factor in (2, 0.5):
            offset: timedelta = expr.offset * factor
            text = f"{promql.metric(expr)}{promql.write_matchers(found)}{span}{promql.write_offset(offset)}"
            yield _Variant(text, f"offset {promql.duration(expr.offset)} to {promql.duration(offset)}", text)


def _selector(expr: VectorSelector, span: str = "") -> str:
    matchers = promql.write_matchers(promql.matchers(expr))
    return f"{promql.metric(expr)}{matchers}{span}{promql.write_offset(expr.offset)}"


def _aggregation(expr: AggregateExpr, op: str, parts: tuple[str, ...]) -> str:
    return f"{op}{promql.write_grouping(expr)}({', '.join(parts)})"


def _range(expr: SubqueryExpr, factor: float) -> str:
    span = promql.duration(expr.range * factor) if expr.range is not None else ""
    return f"{span}:{promql.duration(expr.step) if expr.step is not None else ''}"


def _with(parts: tuple[str, ...], place: int, text: str) -> tuple[str, ...]:
    return (*parts[:place], text, *parts[place + 1 :])
