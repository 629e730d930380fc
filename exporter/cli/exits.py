"""Exit codes, and the one line that goes with those that are not 0."""

from __future__ import annotations

import sys
from typing import Final

FAILED: Final = 1
"""It cannot run, or what was asked for could not be done."""

USAGE: Final = 2
"""It was asked for something wrong."""

INTERRUPTED: Final = 130
"""Ctrl-C or SIGTERM, for commands that end by themselves: the shells' 128 + SIGINT."""


def fail(why: object, code: int) -> int:
    """Say why on stderr and return the code."""
    print(f"vlmrun-exporter: {why}", file=sys.stderr)
    return code
