"""How mistakes are told: one line each, with the file, the line, the key, what is wrong and what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Location: TypeAlias = tuple[str | int, ...]
"""Keys and list indexes from the top of the document to a value."""

_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")
_MAX_SHOWN: Final = 60


class ConfigError(Exception):
    """The configuration can't be used. ``problems`` holds a line for every mistake, in the order of the file."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class UnshownValueError(ValueError):
    """A wrong value that its message must do without: it may hold a secret, or is a whole section."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. ``line`` is only given where the location doesn't tell it."""

    location: Location
    message: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of a configuration stand: the file as the user named it, and the line of each key.

    ``hidden`` are texts that no message may repeat.
    """

    name: str
    lines: Mapping[Location, int] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()

    def line(self, location: Location) -> int | None:
        """Return the line of a key, or of the nearest part around it that the file holds."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.lines:
                return self.lines[location[:length]]
        return None

    def report(self, problems: Iterable[Problem]) -> tuple[str, ...]:
        """Write each different problem once, sorted by line."""
        told = [(problem.line or self.line(problem.location) or 0, problem) for problem in problems]
        told.sort(key=lambda pair: pair[0])
        return tuple(dict.fromkeys(self._tell(line, problem) for line, problem in told))

    def _tell(self, line: int, problem: Problem) -> str:
        parts = [f"{self.name}:{line}" if line else self.name]
        if problem.location:
            parts.append(self.path(problem.location))
        return ": ".join((*parts, problem.message))

    def path(self, location: Location) -> str:
        """Write a location as ``accounts[0].base_url``."""
        text = ""
        for part in location:
            if isinstance(part, int):
                text += f"[{part}]"
            else:
                plain = _PLAIN_KEY.fullmatch(part) and not any(secret in part for secret in self.hidden)
                key = part if plain else self.show(part)
                text += f".{key}" if text else key
        return text

    def show(self, value: object) -> str:
        """Write a value for a message: on one line, capped, without control characters and hidden texts."""
        match value:
            case None:
                return "an empty value"
            case bool():
                return "true" if value else "false"
            case Mapping():
                return "a mapping"
            case tuple():
                return "a list"
            case str():
                return self._quote(value)
            case _:
                return str(value)

    def _quote(self, text: str) -> str:
        for secret in self.hidden:
            text = text.replace(secret, "<redacted>")
        return ascii(text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}...")


def unknown(key: object, what: str, allowed: Collection[str]) -> str:
    """Say that a key is unknown, with the known ones and the one that was probably meant."""
    close = difflib.get_close_matches(str(key), allowed, n=1)
    hint = f", did you mean {close[0]}?" if close else ""
    return f"unknown {what}{hint} (allowed: {', '.join(allowed)})"
