"""Waiting for what another process does: a condition is polled, and a deadline says what did not come true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(probe: Callable[[], T | None], seconds: float, what: str, *, every: float = 0.05) -> T:
    """Return the first true result of ``probe``; raise AssertionError naming ``what`` and its last result otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; at last {result!r}")
        time.sleep(every)
