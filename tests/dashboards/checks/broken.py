"""Copies of the dashboards with one thing changed, to see that a check notices."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from tests.dashboards.documents import Dashboard

GONE: Final = object()
"""In place of a value: there is none."""

Place = Sequence[str | int]


def changed(dashboard: Dashboard, place: Place, value: Any) -> Dashboard:
    """Return a copy with a value, or what a function makes of the one there, at a place. Raises LookupError."""
    written = copy.deepcopy(dict(dashboard.written))
    *way, last = place
    inside: Any = written
    for key in way:
        inside = inside[key]
    if value is GONE:
        del inside[last]
    else:
        inside[last] = value(inside[last]) if callable(value) else value
    return Dashboard(dashboard.file, written)


def panel(dashboard: Dashboard, kind: str, place: Place = ()) -> Place:
    """Return where the first open panel of a type is, and a place in it. Raises StopIteration without one."""
    number = next(number for number, each in enumerate(dashboard.written["panels"]) if each["type"] == kind)
    return ("panels", number, *place)


def noticed(check: Callable[[Dashboard], Iterable[str]], before: Dashboard, after: Dashboard) -> list[str]:
    """Return the problems that the change has brought."""
    known = set(check(before))
    return [problem for problem in check(after) if problem not in known]
