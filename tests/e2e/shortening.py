"""The one transformation of the shipped files that end-to-end tests make: time goes ``factor`` times as fast.

Divided by the factor are

* in a rule file: ``interval`` of a group; ``for`` and ``keep_firing_for`` of a rule; in expressions, and in the queries
  of annotations, every duration (ranges and offsets) and every number that is seconds of a window or of an age
  (:data:`SECONDS`);
* in a configuration of Alertmanager: ``group_wait``, ``group_interval`` and ``repeat_interval`` of every route.

Everything else is what is shipped, byte for byte: numbers that are no such seconds (:data:`KEPT`), names of recording
rules, labels, and the texts of annotations, which go on to speak of 30m. A number in neither set is refused, so that a
new rule has to be looked at. A divided time is rounded up to whole milliseconds.

Tests divide the defaults of the exporter, of its scrape job and of Prometheus (scrapes every 30s, a lookback of 5m) by
the same factor, by :func:`duration`. How long a completion takes stays as it is, and with it what rules say of that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from math import ceil
from typing import Any, Final

SECONDS: Final = frozenset(map(Decimal, ("180", "600", "1800", "3600", "21600", "86400", "259200")))
"""Numbers in rules that are seconds of a window or of an age."""

_RATIOS: Final = ("0", "0.01", "0.1", "0.2", "0.5", "0.8", "0.9", "1", "1.2", "1.5", "2", "3", "4", "6", "14.4", "inf")
_COUNTS: Final = ("2.5", "4.5", "9.5", "19.5", "49.5", "99.5", "360.5")
KEPT: Final = frozenset(map(Decimal, (*_RATIOS, *_COUNTS)))
"""Numbers in rules that stay: ratios, quantiles, factors, and counts; 2 s for a first token; without end."""

TIMINGS: Final = ("group_wait", "group_interval", "repeat_interval")
"""The times of a route of Alertmanager."""

_UNITS: Final = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_DURATION: Final = re.compile(r"(\d+)(ms|[smhdwy])")
# Strings and names come first, so that what looks like a time in them is left alone.
_TOKEN: Final = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)"""
    r"|(?P<name>(?:[A-Za-z_]|:(?=[A-Za-z_:]))[\w:]*)"
    r"|(?P<duration>(?:\d+(?:ms|[smhdwy]))+)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
)
_ACTION: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_LITERAL: Final = re.compile(r'"(?:\\.|[^"\\])*"')


def duration(text: str, factor: int) -> str:
    """Divide a duration, e.g. ``1h``; the result has one unit, none larger than its own.

    Raises ValueError for what is no duration.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration")
    milliseconds = ceil(sum(int(number) * _UNITS[unit] for number, unit in parts) / factor)
    largest = _UNITS[parts[0][1]]
    unit = next(unit for unit, size in _UNITS.items() if size <= largest and milliseconds % size == 0)
    return f"{milliseconds // _UNITS[unit]}{unit}"


def query(text: str, factor: int) -> str:
    """Shorten what an expression of PromQL looks back on. Raises ValueError for a number that is not known."""

    def shorten(token: re.Match[str]) -> str:
        if token.lastgroup == "duration":
            return duration(token[0], factor)
        return _number(token[0], factor) if token.lastgroup == "number" else token[0]

    return _TOKEN.sub(shorten, text)


def template(text: str, factor: int) -> str:
    """Shorten the queries of an annotation. Raises ValueError as :func:`query`, and for one that it cannot make out."""
    return _ACTION.sub(lambda action: _action(action[0], factor), text)


def rules(document: Mapping[str, Any], factor: int) -> dict[str, Any]:
    """Shorten the parsed YAML of a rule file. Raises ValueError as :func:`query`."""
    return {**document, "groups": [_group(group, factor) for group in document["groups"]]}


def routes(document: Mapping[str, Any], factor: int) -> dict[str, Any]:
    """Shorten the parsed YAML of a configuration of Alertmanager. Raises ValueError as :func:`duration`."""
    return {**document, "route": _route(document["route"], factor)}


def _group(group: Mapping[str, Any], factor: int) -> dict[str, Any]:
    shortened = _times(group, ("interval",), factor)
    return {**shortened, "rules": [_rule(rule, factor) for rule in group["rules"]]}


def _rule(rule: Mapping[str, Any], factor: int) -> dict[str, Any]:
    shortened = _times(rule, ("for", "keep_firing_for"), factor)
    shortened["expr"] = query(rule["expr"], factor)
    if "annotations" in rule:
        shortened["annotations"] = {name: template(text, factor) for name, text in rule["annotations"].items()}
    return shortened


def _route(route: Mapping[str, Any], factor: int) -> dict[str, Any]:
    shortened = _times(route, TIMINGS, factor)
    if "routes" in route:
        shortened["routes"] = [_route(child, factor) for child in route["routes"]]
    return shortened


def _times(mapping: Mapping[str, Any], keys: tuple[str, ...], factor: int) -> dict[str, Any]:
    return {key: duration(value, factor) if key in keys else value for key, value in mapping.items()}


def _action(action: str, factor: int) -> str:
    """Shorten the string of an action that is a query: ``query "..."``, or ``printf "..." ... | query``."""
    if not re.search(r"\bquery\b", _LITERAL.sub("", action)):
        return action
    if len(_LITERAL.findall(action)) != 1:
        raise ValueError(f"which string is the query? {action}")
    return _LITERAL.sub(lambda quoted: json.dumps(query(json.loads(quoted[0]), factor), ensure_ascii=False), action)


def _number(text: str, factor: int) -> str:
    value = Decimal(text)
    if value in KEPT:
        return text
    if value not in SECONDS:
        raise ValueError(f"{text}: are these seconds of a window or an age, or not? Say so in {__name__}")
    return f"{ceil(value * 1000 / factor) / 1000:g}"
