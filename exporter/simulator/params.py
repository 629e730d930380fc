"""Query parameters, checked as strictly as the platform checks them, and refused in the words of its framework."""

from __future__ import annotations

import re
from typing import Any

from starlette.datastructures import QueryParams

from exporter.simulator.listing import CursorQuery

MAX_LIMIT = 1_000

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_METADATA = re.compile(r"metadata\[(.+)\]")


class InvalidParameter(Exception):
    """A parameter that is refused; ``detail`` is the body's list of problems."""

    def __init__(self, name: str, value: str, kind: str, message: str, context: dict[str, Any] | None = None) -> None:
        super().__init__(f"{name}: {message}")
        problem: dict[str, Any] = {"type": kind, "loc": ["query", name], "msg": message, "input": value}
        self.detail = [problem if context is None else problem | {"ctx": context}]


def integer(query: QueryParams, name: str, default: int, least: int, most: int | None = None) -> int:
    """Return a whole number between ``least`` and ``most``. Raises InvalidParameter."""
    text = query.get(name)
    if text is None:
        return default
    if not _INTEGER.fullmatch(text):
        message = "Input should be a valid integer, unable to parse string as an integer"
        raise InvalidParameter(name, text, "int_parsing", message)
    value = int(text)
    if value < least:
        message = f"Input should be greater than or equal to {least}"
        raise InvalidParameter(name, text, "greater_than_equal", message, {"ge": least})
    if most is not None and value > most:
        message = f"Input should be less than or equal to {most}"
        raise InvalidParameter(name, text, "less_than_equal", message, {"le": most})
    return value


def optional_integer(query: QueryParams, name: str) -> int | None:
    """Return a whole number, or None without the parameter. Raises InvalidParameter."""
    return integer(query, name, 0, 0) if name in query else None


def cursor_query(query: QueryParams) -> CursorQuery:
    """Return the parameters of the chat completions list. Raises InvalidParameter."""
    order = query.get("order", "asc")
    if order not in ("asc", "desc"):
        expected = "'asc' or 'desc'"
        raise InvalidParameter("order", order, "literal_error", f"Input should be {expected}", {"expected": expected})
    return CursorQuery(
        after=query.get("after"),
        limit=integer(query, "limit", 20, 1, MAX_LIMIT),
        newest_first=order == "desc",
        model=query.get("model"),
        metadata={match[1]: value for name, value in query.items() if (match := _METADATA.fullmatch(name))},
    )
