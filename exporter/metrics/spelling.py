"""How families, labels and values are spelled in Prometheus's text format 0.0.4 and in OpenMetrics 1.0. Pure.

The two differ in how a family is introduced and in exemplars, which only OpenMetrics has. Labels are sorted by name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Generic, NamedTuple, TypeVar

from exporter.metrics.catalog import Family, Kind

T = TypeVar("T")

Values = Mapping[tuple[str, ...], float]
"""What a family shows: values by label values, in the catalogue's order."""


class Forms(NamedTuple, Generic[T]):
    """Something in each of the two formats, the same object where they do not differ."""

    text: T
    openmetrics: T


def joined(parts: Iterable[Forms[str]]) -> Forms[str]:
    """One or more parts, one behind another."""
    texts, structured = zip(*parts, strict=True)
    return Forms("".join(texts), "".join(structured))


def whole(family: Family, values: Values) -> Forms[str]:
    """Spell a family without buckets."""
    samples = _samples(family, values)
    return Forms(*(introduction + samples for introduction in head(family)))


def head(family: Family) -> Forms[str]:
    """Spell the lines that introduce a family."""
    name, help_ = family.name, family.help.replace("\\", r"\\").replace("\n", r"\n")
    text = _head(name, help_, family.kind)
    if family.kind is Kind.COUNTER:
        name = name.removesuffix("_total")
    return Forms(text, _head(name, help_.replace('"', r"\""), family.kind))


def _head(name: str, help_: str, kind: Kind) -> str:
    return f"# HELP {name} {help_}\n# TYPE {name} {kind}\n"


def _samples(family: Family, values: Values) -> str:
    if not family.labels:
        return "".join(f"{family.name} {number(value)}\n" for value in values.values())
    order = sorted(range(len(family.labels)), key=family.labels.__getitem__)
    pairs = ",".join(f'{family.labels[place]}="%s"' for place in order)
    line = f"{family.name}{{{pairs}}} %s\n"
    pick = itemgetter(*order, len(order))
    return "".join([line % pick((*map(escape, labels), number(value))) for labels, value in values.items()])


def labels(names: Iterable[str], values: Sequence[str]) -> str:
    """Spell labels, in the order given."""
    return ",".join(f'{name}="{escape(value)}"' for name, value in zip(names, values, strict=True))


def escape(value: str) -> str:
    """Escape a label's value."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def number(value: float) -> str:
    """Spell a value so that any parser reads the same float."""
    if math.isfinite(value):
        return repr(value).removesuffix(".0")
    return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")


def millionths(value: int) -> str:
    """Spell so many millionths (0 or more) in wholes: an exact decimal, which parsers round as a division would."""
    wholes, rest = divmod(value, 1_000_000)
    return f"{wholes}.{rest:06}".rstrip("0") if rest else str(wholes)
