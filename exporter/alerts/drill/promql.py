"""The metric names in a PromQL expression: to find them, and to put others in their place. Lexical, no parser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_KEYWORDS: Final = frozenset(("and", "or", "unless", "atan2", "bool", "offset", "inf", "nan"))
_AGGREGATIONS: Final = frozenset(
    (
        *("sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"),
        *("topk", "bottomk", "count_values", "quantile", "limitk", "limit_ratio"),
    )
)
"""After these a list of labels may come before the parenthesis by which functions are told."""

_STRING = r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`"""
_TOKEN: Final = re.compile(
    rf"""
      {_STRING}
    | \#[^\n]*
    | \{{(?:{_STRING}|[^}}"'`])*\}}                                          # label matchers
    | \[[^\]]*\]                                                             # ranges
    | \b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)        # lists of labels
    | [0-9][0-9A-Za-z_.]*                                                    # numbers and durations
    | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)(?!\s*\()(?![A-Za-z0-9_:])           # no function
    | [A-Za-z_:][A-Za-z0-9_:]*
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def metrics(expression: str) -> frozenset[str]:
    """Return the names of all metrics that a valid ``expression`` selects by name."""
    return frozenset(name for match in _TOKEN.finditer(expression) if (name := _metric(match)) is not None)


def rename(expression: str, names: Mapping[str, str]) -> str:
    """Return ``expression`` with metrics replaced by those that ``names`` says."""

    def replaced(match: re.Match[str]) -> str:
        name = _metric(match)
        return match[0] if name is None else names.get(name, name)

    return _TOKEN.sub(replaced, expression)


def _metric(match: re.Match[str]) -> str | None:
    name = match["name"]
    return None if name is None or name.lower() in _KEYWORDS | _AGGREGATIONS else name
