"""The notes of a release, cut from CHANGELOG.md: ``python -m release.notes 1.2.3``, or the tag ``v1.2.3``.

A tag must name the version of the package (``exporter/version.py``) and have an entry of its own with a date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

from exporter.version import __version__

CHANGELOG: Final = Path(__file__).parent.parent / "CHANGELOG.md"
_HEADING: Final = re.compile(r"## \[(?P<version>[^]]+)\](?: - (?P<date>\S+))?\n")


def notes_of(version: str, changelog: str) -> str:
    """Return what a changelog says of a version, without its heading.

    Raises ValueError if it has no entry, or one without a date or without a line.
    """
    headings = list(_HEADING.finditer(changelog))
    ends = [*(heading.start() for heading in headings[1:]), len(changelog)]
    for heading, end in zip(headings, ends, strict=False):
        if heading["version"] != version:
            continue
        try:
            date.fromisoformat(heading["date"] or "")
        except ValueError:
            raise ValueError(
                f"the entry of {version} is headed {heading[0].strip()!r} (allowed: '## [{version}] - YYYY-MM-DD')"
            ) from None
        entry = changelog[heading.end() : end].strip()
        if not entry:
            raise ValueError(f"the entry of {version} is empty")
        return entry + "\n"
    there = ", ".join(heading["version"] for heading in headings) or "none"
    raise ValueError(f"no entry '## [{version}] - YYYY-MM-DD' (there: {there})")


def release_of(tag: str) -> str:
    """Return the version that a tag (``1.2.3`` or ``v1.2.3``) releases; raise ValueError if it isn't the package's."""
    version = tag.removeprefix("v")
    if version != __version__:
        raise ValueError(f"{tag} does not name the version of exporter/version.py, {__version__}")
    return version


def main(arguments: Sequence[str]) -> int:
    """Write the notes of the version or tag in ``arguments``; return the exit code."""
    if len(arguments) != 1:
        print("notes: name one version or tag, as in: python -m release.notes v1.2.3", file=sys.stderr)
        return 2
    try:
        print(notes_of(release_of(arguments[0]), CHANGELOG.read_text(encoding="utf-8")), end="")
    except ValueError as error:
        print(f"notes: CHANGELOG.md and exporter/version.py do not make a release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
