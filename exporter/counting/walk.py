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
from msgspec.structs import replace

from exporter.models import SECOND, Page, Paginator, Position

MAX_LIMIT = 1000
"""The most rows a page may be asked for (documented for executions and requests)."""

LEAST_CAPACITY = 10
"""No server is assumed to cut pages to fewer rows than this: a shorter page is the end of the list."""

PATIENCE = 60
"""Pages in a row that reach no further down before the walk gives up; one that repeats exactly counts for ten."""

REPEAT_COST = 10

DISORDER_TRIES = 3
"""How often a page that is out of order is asked for before the list is taken to be so."""

TOLERATED_DISORDER = 3 * SECOND
"""Rows may be listed out of order by so little (stamped by several machines): their times are just less sharp."""

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

    Times are µs. ``started``: when the first page was listed. ``floor``: it is done once ``lo <= floor``.
    ``ceiling``: what is newer needs no proof yet, it will be walked again. ``lo``:
    every row created after it and visible at ``started`` has been seen, or needs no proof. ``edge``: the oldest time
    met. ``unproven``: total width of the stretches that were passed without proof, which lie between ``passed_top`` and
    ``passed_bottom``.
    """

    started: int
    floor: int
    ceiling: int
    lo: int
    edge: int
    limit: int
    base_limit: int
    position: Position = Position()
    largest: int = MAX_LIMIT
    """The most rows this server has not yet refused to be asked for."""
    least: int = LEAST_CAPACITY
    patience: int = PATIENCE
    retreats: int = 0
    stalls: int = 0
    leapt: int = 0
    """Width given up by the last leap, until the next page tells whether anything was hidden."""
    unproven: int = 0
    passed_top: int = 0
    passed_bottom: int = TOP
    disordered: int = 0
    """Pages in a row that were out of order."""
    fingerprint: int = 0
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
    ascending: bool
    """Whether its last row is newer than its first."""


def begin(
    *,
    started: int,
    floor: int,
    limit: int,
    ceiling: int = TOP,
    lo: int = TOP,
    least: int = LEAST_CAPACITY,
    patience: int = PATIENCE,
) -> Walk:
    """Start a walk at the top of the list, to prove what is not newer than ``ceiling`` or ``lo``."""
    return Walk(
        started=started,
        floor=floor,
        ceiling=min(ceiling, lo),
        lo=lo,
        edge=TOP,
        limit=limit,
        base_limit=limit,
        least=least,
        patience=patience,
    )


def extent(page: Page) -> Extent | None:
    """Measure a page, rejected rows with a readable creation time included; None if no row has one."""
    stamps = _stamps(page) if page.rejects else [row.created for row in page.rows]
    if not stamps:
        return None
    lowest = stamps[0]
    disorder = 0
    for stamp in stamps:
        if stamp > lowest:
            disorder = max(disorder, stamp - lowest)
        else:
            lowest = stamp
    return Extent(newest=max(stamps), oldest=lowest, disorder=disorder, ascending=stamps[-1] > stamps[0])


def take(walk: Walk, page: Page, paginator: Paginator) -> Outcome:
    """Judge the page listed at ``walk.position`` and say where the walk stands then."""
    reach = extent(page)
    if reach is None:
        return _unreadable(walk, page, paginator)
    if reach.disorder > TOLERATED_DISORDER or walk.disordered >= DISORDER_TRIES:
        return _disordered(walk, page, reach, paginator)
    at_top = walk.position.at_top
    # A list that is out of order by less than the margin that every proof keeps anyway is proven a little less far.
    blur = reach.disorder
    if not (at_top or reach.newest - blur > walk.lo or walk.leapt):
        return _retreat(walk, paginator)

    gap = 0 if at_top else max(0, walk.lo - reach.newest)
    moved = reach.oldest < walk.edge
    # A short page may have been cut by the server: the end is a page with room to spare that reaches the oldest row met
    # and shows none older. (The paginators ask so that such a page holds fewer than LEAST_CAPACITY rows.)
    short = _has_room(walk, page) and (reach.oldest == walk.edge or page.has_more is not True)
    ended = short and reach.oldest <= walk.edge
    lo = min(walk.lo, reach.oldest + blur)
    unproven = walk.unproven + (gap if reach.oldest <= walk.ceiling else 0)
    if walk.leapt and not (ended and gap == 0) and reach.newest <= walk.ceiling:
        unproven += walk.leapt
    printed = _print(page)
    if unproven > walk.unproven:
        walk = _passed(walk, reach.newest)
    unprovable = unproven > walk.unproven
    after = replace(
        walk,
        lo=lo,
        edge=min(walk.edge, reach.oldest),
        retreats=0,
        stalls=0 if moved else walk.stalls + _stall(walk, page, printed),
        leapt=0,
        unproven=unproven,
        disordered=0,
        fingerprint=printed,
        limit=walk.base_limit if moved else walk.limit,
        ended=ended,
    )
    if ended or lo <= walk.floor:
        return Outcome(Step.DONE, after, joined=True, unprovable=unprovable)
    if after.stalls >= walk.patience:
        return Outcome(Step.STUCK, after, joined=False, unprovable=True)
    position = paginator.advance(walk.position, page, reach.oldest + 2 * blur)
    if position is not None:
        return Outcome(Step.ON, replace(after, position=position), joined=True, unprovable=unprovable)
    if page.size >= walk.limit and walk.limit < walk.largest:
        larger = replace(after, limit=min(walk.largest, walk.limit * 2))
        return Outcome(Step.ON, larger, joined=True, unprovable=True)
    return _leap(after, page, paginator, unprovable=unprovable)


def narrow(walk: Walk, page_size: int) -> Walk:
    """Ask for at most ``page_size`` rows from now on: it was lowered, since larger answers cannot be read."""
    if walk.base_limit <= page_size:
        return walk
    return replace(walk, limit=page_size, base_limit=page_size, largest=page_size)


def _has_room(walk: Walk, page: Page) -> bool:
    """Whether a page could have shown another row, even if the server cuts pages short."""
    return page.size < min(walk.least, walk.limit)


def hides(walk: Walk, created: int) -> bool:
    """Whether a row of that time may lie where the walk had to pass without proof."""
    return walk.passed_bottom <= created <= walk.passed_top


def _passed(walk: Walk, down_to: int) -> Walk:
    """Note that what lies between ``lo`` and ``down_to`` was passed without proof."""
    return replace(walk, passed_top=max(walk.passed_top, walk.lo), passed_bottom=min(walk.passed_bottom, down_to))


def miss(walk: Walk, paginator: Paginator) -> Outcome:
    """Go on after a request that came to nothing: too large a page, an anchor that is gone, too deep a ``skip``."""
    if walk.limit > walk.base_limit:
        usual = replace(walk, limit=walk.base_limit, largest=walk.base_limit)
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
    again = replace(walk, position=position, retreats=walk.retreats + 1, stalls=stalls, leapt=0)
    return Outcome(Step.ON, again, joined=False)


def _stamps(page: Page) -> list[int]:
    """The readable creation times of a page, rejected rows' included, in the order of the wire."""
    rejects = {reject.index: reject.created for reject in page.rejects}
    rows = iter(page.rows)
    places = (rejects[place] if place in rejects else next(rows).created for place in range(page.size))
    return [stamp for stamp in places if stamp is not None]


def _unreadable(walk: Walk, page: Page, paginator: Paginator) -> Outcome:
    """Judge a page without a readable time: empty, or of rejected rows only."""
    if page.size > 0 and _has_room(walk, page) and page.has_more is not True and not walk.disordered:
        ended = replace(_passed(walk, -1), ended=True, unproven=walk.unproven + SECOND, leapt=0)
        return Outcome(Step.DONE, ended, joined=True, unprovable=True)
    if page.size > 0:
        stalled = replace(walk, stalls=walk.stalls + 1)
        if stalled.stalls >= walk.patience:
            return Outcome(Step.STUCK, stalled, joined=False, unprovable=True)
        return _leap(stalled, page, paginator, unprovable=True)
    if walk.position.at_top:
        return Outcome(Step.DONE, replace(walk, ended=True), joined=True)
    if walk.disordered >= DISORDER_TRIES:
        return Outcome(Step.STUCK, walk, joined=False, unprovable=True)
    # Not the end of the list, not even below what was passed: a page there shows its last row again.
    return _retreat(walk, paginator)


def _stall(walk: Walk, page: Page, printed: int) -> int:
    """What a page that shows nothing older costs of the walk's patience."""
    if printed == walk.fingerprint and page.size > 1:
        return REPEAT_COST
    return 1


def _disordered(walk: Walk, page: Page, reach: Extent, paginator: Paginator) -> Outcome:
    """Judge a page that is not newest first: nothing follows from it.

    It is asked for again a few times. If the list stays as it is, it is read on to its end, so that its rows are
    counted all the same, but the walk proves nothing any more.
    """
    tries = walk.disordered + 1
    if tries < DISORDER_TRIES:
        return Outcome(Step.ON, replace(walk, disordered=tries), joined=False, unprovable=True)
    printed = _print(page)
    repeated = REPEAT_COST if printed == walk.fingerprint and page.size > 1 else 0
    stalls = walk.stalls + repeated
    read = _has_room(walk, page) or (not reach.ascending and reach.newest <= walk.floor - reach.disorder)
    position = paginator.advance(walk.position, page, reach.oldest) or paginator.leap(walk.position, page)
    after = replace(walk, disordered=tries, stalls=stalls, fingerprint=printed, position=position)
    step = Step.STUCK if read or stalls >= walk.patience else Step.ON
    return Outcome(step, after, joined=False, unprovable=True)


def _print(page: Page) -> int:
    """Tells whether a page is the same as the last one."""
    return crc32("\n".join(row.id for row in page.rows).encode("utf-8", "surrogatepass"))


def _leap(walk: Walk, page: Page, paginator: Paginator, *, unprovable: bool) -> Outcome:
    """Pass a page that cannot be overlapped; the next one tells whether that hid anything."""
    leapt = replace(walk, position=paginator.leap(walk.position, page), leapt=SECOND)
    return Outcome(Step.ON, leapt, joined=True, unprovable=unprovable)
