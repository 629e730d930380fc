"""One proven walk down a list, newest rows first. Pure: a page in, the next state and what to do out.

A page proves only the open interval between its oldest and its newest creation time, as of when it was listed. Two
pages prove the whole between them only if they overlap: the lower one's newest row must be *strictly* newer than the
oldest time covered so far (``lo``). Inserts, deletes and ties in any order are covered by this one rule; whatever
else the server says (``has_more``, the length of a page, the order asked for) is checked against it, not believed.
"""

from __future__ import annotations

from enum import Enum, auto
from zlib import crc32

import msgspec

from exporter.models import SECOND, Page, Paginator, Position

MAX_LIMIT = 1000
"""The most rows a page may be asked for (documented for executions and requests)."""

LEAST_CAPACITY = 10
"""No server is assumed to cut pages to fewer rows than this: a shorter page is the end of the list."""

PATIENCE = 60
"""Pages in a row that reach no further down before the walk gives up; one that repeats exactly counts for ten."""

REPEAT_COST = 10

TOP = 2**62
"""A time later than any row's: nothing is covered yet."""


class Step(Enum):
    """What became of a page."""

    ON = auto()
    """The walk goes on at its new position."""
    DONE = auto()
    """The floor, or the end of the list, is reached."""
    STUCK = auto()
    """The list does not let itself be walked (a cursor that is ignored, a page that repeats): given up."""


class Walk(msgspec.Struct, frozen=True):
    """The state of a walk: where it is, and how much of what lies above is proven.

    Times are µs. ``started``: when the first page was listed. ``floor``: it is done once ``lo <= floor``. ``lo``:
    every row created after it and visible at ``started`` has been seen, or needs no proof. ``edge``: the oldest time
    met. ``unproven``: total width of the stretches
    that were passed without proof. ``disorder``: the largest jump back in a page that was not newest first.
    """

    started: int
    floor: int
    lo: int
    edge: int
    limit: int
    base_limit: int
    position: Position = Position()
    largest: int = MAX_LIMIT
    """The most rows this server has not yet refused to be asked for."""
    least: int = LEAST_CAPACITY
    patience: int = PATIENCE
    capacity: int = 0
    retreats: int = 0
    stalls: int = 0
    leapt: bool = False
    unproven: int = 0
    disorder: int = 0
    fingerprint: int = 0
    pages: int = 0
    sealed: bool = False
    ended: bool = False
    """The end of the list was seen: nothing older exists."""


class Outcome(msgspec.Struct, frozen=True):
    """What :func:`take` made of a page: ``joined`` tells whether it proves rows down to the new ``lo``."""

    step: Step
    walk: Walk
    joined: bool
    unprovable: bool = False


class Extent(msgspec.Struct, frozen=True):
    """How far a page reaches: its newest and oldest creation time, and its largest jump against the order (µs)."""

    newest: int
    oldest: int
    disorder: int


def begin(
    *, started: int, floor: int, limit: int, lo: int = TOP, least: int = LEAST_CAPACITY, patience: int = PATIENCE
) -> Walk:
    """Start a walk at the top of the list; what is newer than ``lo`` needs no proof."""
    least = min(least, limit)
    return Walk(
        started=started,
        floor=floor,
        lo=lo,
        edge=TOP,
        limit=limit,
        base_limit=limit,
        least=least,
        patience=patience,
        capacity=least,
    )


def extent(page: Page) -> Extent | None:
    """Measure a page, rejected rows with a readable creation time included; None if no row has one."""
    stamps = [row.created for row in page.rows]
    for reject in page.rejects:
        if reject.created is not None:
            stamps.insert(min(reject.index, len(stamps)), reject.created)
    if not stamps:
        return None
    lowest = stamps[0]
    disorder = 0
    for stamp in stamps:
        if stamp > lowest:
            disorder = max(disorder, stamp - lowest)
        else:
            lowest = stamp
    return Extent(newest=max(stamps), oldest=lowest, disorder=disorder)


def take(walk: Walk, page: Page, paginator: Paginator) -> Outcome:
    """Judge the page listed at ``walk.position`` and say where the walk stands then."""
    at_top = walk.position.at_top
    reach = extent(page)
    walk = msgspec.structs.replace(walk, pages=walk.pages + 1)
    if reach is None:
        if page.size == 0:
            if at_top:
                return Outcome(Step.DONE, msgspec.structs.replace(walk, ended=True), joined=True)
            if walk.leapt or walk.disorder:  # nothing lies below what was passed without proof
                return Outcome(Step.DONE, msgspec.structs.replace(walk, ended=True), joined=True, unprovable=True)
            return _retreat(walk, paginator)
        return _leap(walk, page, paginator, SECOND)

    joins = at_top or reach.newest > walk.lo or walk.leapt
    if not joins:
        return _retreat(walk, paginator)

    gap = max(0, walk.lo - reach.newest) if walk.leapt and not at_top else 0
    lo = min(walk.lo, reach.oldest)
    moved = reach.oldest < walk.edge
    # Short alone may mean that the server cut the page (by its own limit, by bytes): the end is a page that had room
    # for older rows, reaches the oldest row met, and shows none.
    short = page.size < min(walk.capacity, walk.limit)
    tiny = page.size < walk.least and page.has_more is not True
    ended = short and (reach.oldest == walk.edge or (moved and tiny) or walk.disorder > 0)
    printed = crc32("\n".join(row.id for row in page.rows).encode("utf-8", "surrogatepass"))
    repeated = printed == walk.fingerprint and page.size > 1
    after = msgspec.structs.replace(
        walk,
        lo=lo,
        edge=min(walk.edge, reach.oldest),
        capacity=max(walk.capacity, page.size),
        retreats=0,
        stalls=0 if moved else walk.stalls + (REPEAT_COST if repeated else 0 if walk.disorder else 1),
        leapt=False,
        unproven=walk.unproven + gap + reach.disorder,
        disorder=max(walk.disorder, reach.disorder),
        fingerprint=printed,
        limit=walk.base_limit if moved else walk.limit,
        ended=ended,
    )
    unprovable = gap > 0 or reach.disorder > 0
    # A list out of order may hide rows below the floor: go on until the walk is deeper than the disorder it met.
    if ended or lo <= walk.floor - after.disorder:
        return Outcome(Step.DONE, after, joined=True, unprovable=unprovable)
    if after.stalls >= walk.patience:
        return Outcome(Step.STUCK, after, joined=False, unprovable=True)
    position = paginator.advance(walk.position, page)
    if position is not None:
        return Outcome(Step.ON, msgspec.structs.replace(after, position=position), joined=True, unprovable=unprovable)
    if page.size >= walk.limit and walk.limit < walk.largest:
        larger = msgspec.structs.replace(after, limit=min(walk.largest, walk.limit * 2))
        return Outcome(Step.ON, larger, joined=True, unprovable=True)
    return _leap(after, page, paginator, SECOND)


def miss(walk: Walk, paginator: Paginator) -> Outcome:
    """Go on after a request that the server refused: too large a page, an anchor that is gone, too deep a ``skip``."""
    if walk.limit > walk.base_limit:
        usual = msgspec.structs.replace(walk, limit=walk.base_limit, largest=walk.base_limit)
        return Outcome(Step.ON, usual, joined=False)
    if walk.position.at_top or not walk.position.anchors:
        return Outcome(Step.STUCK, walk, joined=False, unprovable=True)
    return _retreat(walk, paginator)


def _retreat(walk: Walk, paginator: Paginator) -> Outcome:
    """Ask again higher up: rows above were deleted, or the anchor is gone."""
    stalls = walk.stalls + 1
    if stalls >= walk.patience:
        return Outcome(Step.STUCK, walk, joined=False, unprovable=True)
    position = paginator.retreat(walk.position, walk.retreats + 1, walk.limit)
    again = msgspec.structs.replace(walk, position=position, retreats=walk.retreats + 1, stalls=stalls)
    return Outcome(Step.ON, again, joined=False)


def _leap(walk: Walk, page: Page, paginator: Paginator, width: int) -> Outcome:
    """Pass a page that proves nothing (one time only, or no readable time), and remember that it was passed."""
    leapt = msgspec.structs.replace(
        walk, position=paginator.leap(walk.position, page), leapt=True, unproven=walk.unproven + width
    )
    return Outcome(Step.ON, leapt, joined=True, unprovable=True)
