"""The walk back for credit budgets: what was spent before counting began. Pure.

It remembers no ids. Each creation time is in at most one of the ranges that its pages newly prove, so the rows in a
range are spent once.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from exporter.counting import walk as walks
from exporter.counting.walk import Step, Walk
from exporter.models import SECOND, Page, Paginator

RETRY = 3600 * SECOND
"""Pause before a walk back that got stuck is tried again."""

PATIENCE = 10_000
"""Should all its anchors be lost, it passes everything newer again, which is no progress to it."""


class History(msgspec.Struct, frozen=True):
    """How far the walk back has come: from ``top`` down to ``done`` (µs); ``unproven`` is what it passed on trust."""

    top: int
    done: int
    unproven: int = 0
    resume_at: int = 0
    walk: Walk | None = None

    def reaches(self, time: int) -> bool:
        """Whether every row created after ``time`` and up to ``top`` has been seen."""
        return time >= self.top or (self.done <= time and self.unproven == 0)


def due(history: History, floor: int, now: int) -> bool:
    """Whether rows created after ``floor`` have yet to be walked back to."""
    return history.done > floor and now >= history.resume_at


def begin(history: History, *, started: int, floor: int, limit: int, least: int) -> History:
    """Start walking, from the top of the list, to ``floor`` below what is done already."""
    walk = walks.begin(started=started, floor=floor, limit=limit, lo=history.done, least=least, patience=PATIENCE)
    return replace(history, walk=walk)


def take(history: History, page: Page, paginator: Paginator) -> tuple[History, range, bool]:
    """Take the next page: the state, the creation times it newly proves, and whether it was unprovable."""
    assert history.walk is not None
    return _conclude(history, walks.take(history.walk, page, paginator))


def refused(history: History, paginator: Paginator) -> History:
    """The server refused the walk's position."""
    assert history.walk is not None
    return _conclude(history, walks.miss(history.walk, paginator))[0]


def _conclude(history: History, outcome: walks.Outcome) -> tuple[History, range, bool]:
    walk = outcome.walk
    assert history.walk is not None
    passed, unprovable = walk.unproven - history.walk.unproven, outcome.unprovable
    if outcome.joined and history.walk.leapt and history.walk.edge <= walk.ceiling:
        # Even if they hid nothing: rows of the passed time were shown on several pages, and count by time, not by id.
        passed, unprovable = max(passed, history.walk.leapt), True
    unproven = history.unproven + passed
    if outcome.step is Step.STUCK:
        return replace(history, unproven=unproven, walk=None, resume_at=walk.started + RETRY), range(0), True
    done = history.done
    if outcome.joined:
        done = min(done, -1 if walk.ended else walk.lo)
    walk_on = None if outcome.step is Step.DONE else walk
    after = replace(history, done=done, unproven=unproven, walk=walk_on)
    return after, range(done + 1, history.done + 1), unprovable
