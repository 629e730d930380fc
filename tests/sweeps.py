"""A list that has been followed for a while, and sweeps and searches that are under way in it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from exporter.api.pages import OffsetPaginator
from exporter.counting import coverage as cover
from exporter.counting import walk as walks
from exporter.counting.coverage import CLOCK_MARGIN, Coverage, Sealed, Waiting
from exporter.counting.history import History
from exporter.counting.walk import Walk
from exporter.models import SECOND, Page, Position
from tests.builders import page

OFFSET = OffsetPaginator()

NOW = 1_000_000 * SECOND
HOUR = 3600 * SECOND
LATENESS = 900 * SECOND
PROVEN = NOW - 2_000 * SECOND
FRONTIER = NOW - LATENESS - CLOCK_MARGIN
"""Where a sweep that started now moves the frontier to."""

KNOWN = Coverage(
    origin=NOW - 50_000 * SECOND,
    proven=PROVEN,
    horizon=PROVEN - LATENESS,
    max_lateness=LATENESS,
    history=History(top=0, done=0),
    newest=NOW - 100,
)
"""A list that has been followed for a while."""


def walking(floor: int, **walk: Any) -> Walk:
    """A walk that began now and has come down to ``NOW`` in pages of four rows."""
    begun = walks.begin(started=NOW, floor=floor, limit=4, least=3)
    return replace(begun, **({"lo": NOW, "edge": NOW, "position": Position(skip=40)} | walk))


def sweeping(coverage: Coverage = KNOWN, /, *, floor: int | None = None, **walk: Any) -> Coverage:
    """``coverage`` with a sweep under way."""
    return replace(coverage, sweep=walking(coverage.proven if floor is None else floor, **walk))


def searching(coverage: Coverage = KNOWN, /, **walk: Any) -> Coverage:
    """``coverage`` with a search for pending rows under way, a hundred below the frontier."""
    return replace(coverage, search=walking(coverage.proven - 100, **walk))


def reaching(oldest: int) -> Page:
    """A full page that joins a walk which has come down to ``NOW``, and reaches ``oldest``."""
    return page(NOW + 1, NOW, oldest + 1, oldest)


def forget_fingerprints(sealed: Sealed) -> Sealed:
    """``sealed`` without the fingerprints of pages, which say nothing to a reader."""
    coverage = sealed.coverage
    sweep, search = (walk and replace(walk, fingerprint=0) for walk in (coverage.sweep, coverage.search))
    return replace(sealed, coverage=replace(coverage, sweep=sweep, search=search))


def swept(coverage: Coverage, shown: Page, pending: dict[int, Waiting] | None = None) -> Sealed:
    return cover.sweep_page(coverage, pending or {}, shown, OFFSET)
