"""A lock file as ``make lock`` writes it: every requirement at one version, with its hashes and who asks for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ENTRY: Final = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\\n]+?))? \\\n"
    r"(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
    r"(?P<via>(?:    #.*\n)+)"
)
_NOTE: Final = re.compile(r"(#.*)?\n")
_HASH: Final = re.compile(r"sha256:([0-9a-f]{64})")
_FROM_PYPROJECT: Final = "(pyproject.toml)"


@dataclass(frozen=True, slots=True)
class Pin:
    """One locked requirement. ``hashes`` are the SHA-256 sums of the files it may be installed from.

    ``via`` names who requires it; the project itself among them if it is required by pyproject.toml.
    """

    name: str
    version: str
    marker: str | None
    hashes: tuple[str, ...]
    via: frozenset[str]


def read(path: Path) -> tuple[Pin, ...]:
    """Return what a lock file pins, in its order.

    Raises ValueError, with the line, at whatever is not a requirement of one version with its hashes and its reason:
    an option, an address, a range.
    """
    text = path.read_text(encoding="utf-8")
    pins = []
    position = 0
    while position < len(text):
        if note := _NOTE.match(text, position):
            position = note.end()
        elif entry := _ENTRY.match(text, position):
            pins.append(_pin(entry))
            position = entry.end()
        else:
            line = text.count("\n", 0, position) + 1
            raise ValueError(
                f"{path.name}:{line}: {text[position:].splitlines()[0]!r} is no locked requirement "
                "(allowed: name==version with sha256 hashes and the reason, as `make lock` writes them)"
            )
    return tuple(pins)


def _pin(entry: re.Match[str]) -> Pin:
    via = (line.strip(" #").removeprefix("via").replace(_FROM_PYPROJECT, "") for line in entry["via"].splitlines())
    return Pin(
        name=entry["name"],
        version=entry["version"],
        marker=entry["marker"],
        hashes=tuple(_HASH.findall(entry["hashes"])),
        via=frozenset(name.strip() for name in via if name.strip()),
    )
