"""Which stretch of time is proven covered, and what that lets us conclude. Pure.

``proven`` (the frontier) is the time up to which every row has been seen: it moves only when a :mod:`walk
<exporter.counting.walk>` from the top of the list has come down to it, and then to the walk's start less the time a
row may take to become visible. Ids are remembered a while longer than that (``horizon``), so that a row which shows
up later than promised is still counted, once, and reported.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from exporter.counting import walk as walks
from exporter.counting.history import History
from exporter.counting.walk import Step, Walk
from exporter.models import SECOND, Page, Paginator

CLOCK_MARGIN = 3 * SECOND
"""Exceeds the resolution of the API's timestamps and of the ``Date`` header (both a second)."""

TRIES_BEFORE_CONCEDING = 3
"""Sweeps in a row that must meet an unprovable stretch before it is given up as lost, and said so."""

LONGEST_OPEN = 24 * 3600 * SECOND
"""A depth that no sweep reaches is held open this long, then given up as lost, so that the ledger stays bounded."""

PENDING_PATIENCE = 8
"""A pending row below the frontier is looked for again whenever its age has grown by an eighth."""


REGRESSION_PATIENCE = 3600 * SECOND
"""How long a list may hide the newest row already seen before that row is taken for deleted."""

SEARCH_RETRY = 3600 * SECOND
"""Pause before a search for old pending rows that got stuck is tried again."""


class Coverage(msgspec.Struct, frozen=True):
    """What is known of one list. Times in µs by the server's clock.

    ``origin``: rows created at or before it are never counted (they feed credit budgets only). ``newest``: the newest
    creation time seen. ``lost``: total width of the stretches given up, the last of which ends at ``lost_until``.
    ``failed``: sweeps in a row that ended without proof. ``deep``: the next sweep re-reads down to the horizon.
    ``search``: a walk on, below the frontier, for pending rows; not begun again before ``search_after``.
    ``backlog_from``: when it was noticed that rows between the newest page and ``backlog_to`` are unread; 0 for none.
    """

    origin: int
    proven: int
    horizon: int
    max_lateness: int
    history: History
    newest: int = 0
    regressed_since: int = 0
    lost: int = 0
    lost_until: int = 0
    failed: int = 0
    deep: bool = False
    backlog_from: int = 0
    backlog_to: int = 0
    search_after: int = 0
    sweep: Walk | None = None
    search: Walk | None = None


class Waiting(msgspec.Struct, frozen=True):
    """A pending row: when it was created, and when it was last seen in a list (µs, server's clock)."""

    created: int
    seen: int


class Sealed(msgspec.Struct, frozen=True):
    """What a page of a sweep led to: the next coverage, and the pending rows that a proven walk no longer shows."""

    coverage: Coverage
    vanished: tuple[int, ...] = ()
    unprovable: bool = False


def start(now: int, look_back: int, max_lateness: int) -> Coverage:
    """Begin with an unknown list: count what is created after ``now - look_back``.

    The frontier begins ``max_lateness`` earlier, so that rows which were under way at the start are known by id: they
    feed the credit budgets exactly once, whichever side of the start they finish on.
    """
    origin = now - look_back
    proven = origin - max_lateness - CLOCK_MARGIN
    history = History(top=proven, done=proven)
    return Coverage(origin=origin, proven=proven, horizon=proven, max_lateness=max_lateness, history=history)


def after_loss(fresh: Coverage, frontier: int) -> Coverage:
    """Begin anew after the ledger was lost when it had proven everything up to ``frontier``: the rest is a gap."""
    return replace(fresh, lost=max(0, fresh.origin - frontier), lost_until=fresh.origin)


def retarget(coverage: Coverage, max_lateness: int, page_size: int) -> Coverage:
    """Take over a changed ``max_lateness``, from the next sweep on, and a lower ``page_size``, at once."""

    def narrowed(walk: Walk | None) -> Walk | None:
        return None if walk is None else walks.narrow(walk, page_size)

    return replace(
        coverage,
        max_lateness=max_lateness,
        sweep=narrowed(coverage.sweep),
        search=narrowed(coverage.search),
        history=replace(coverage.history, walk=narrowed(coverage.history.walk)),
    )


def watermark(coverage: Coverage, pending: dict[int, Waiting]) -> int:
    """Every row created before this has been counted: the frontier, or just below the oldest row still pending."""
    oldest = min(
        (row.created for row in pending.values() if row.created > coverage.origin), default=coverage.proven + 1
    )
    return min(coverage.proven, oldest - 1)


def budget_floor(coverage: Coverage, since: int) -> int:
    """How far back to read for what was spent since ``since``: what ended then may have been created before."""
    return since - coverage.max_lateness


def open_gap(coverage: Coverage, now: int) -> int:
    """Width of the time (µs) that should be proven by ``now`` and is not."""
    return max(0, now - coverage.max_lateness - CLOCK_MARGIN - coverage.proven)


def look(coverage: Coverage, page: Page) -> tuple[Coverage, bool]:
    """Take note of a newest page, and tell whether a sweep may start from it.

    It may not while it lacks the newest row already seen: a replayed old page proves nothing of what came since. A
    time far ahead of the server's own is not believed.
    """
    reach = walks.extent(page)
    newest = min(reach.newest, page.observed) if reach else 0
    known = min(coverage.newest, page.observed)
    if newest >= known or known <= coverage.horizon:
        return replace(coverage, newest=max(newest, coverage.newest), regressed_since=0), True
    # Whatever this answer's clock says: the row cannot have been hidden before it was created.
    since = coverage.regressed_since or max(page.observed, coverage.newest)
    if page.observed - since >= REGRESSION_PATIENCE:
        return replace(coverage, newest=newest, regressed_since=0), True
    return replace(coverage, regressed_since=since), False


def floor(coverage: Coverage, pending: dict[int, Waiting], now: int, *, everything: bool = False) -> int:
    """How deep the next sweep has to go: to the frontier, or to an older pending row whose turn it is.

    With ``everything``: to wherever a row may lie that could still be counted.
    """
    if everything:
        return min([coverage.horizon, *(row.created - 1 for row in pending.values())])
    lowest = coverage.horizon if coverage.deep else coverage.proven
    if coverage.search is not None or now < coverage.search_after:
        return lowest
    for row in pending.values():
        if row.created <= lowest and (now - row.seen) * PENDING_PATIENCE >= now - row.created:
            lowest = row.created - 1
    return lowest


def beyond(coverage: Coverage) -> Coverage:
    """A row showed up later than promised: the next sweep looks for others like it, as far back as ids are known."""
    return replace(coverage, deep=True)


def backlog(coverage: Coverage, noticed: int, down_to: int) -> Coverage:
    """Rows newer than ``down_to`` are unread; a sweep that starts at ``noticed`` or later will read them."""
    lowest = min(coverage.backlog_to, down_to) if coverage.backlog_from else down_to
    return replace(coverage, backlog_from=noticed, backlog_to=lowest)


def _unread_from(coverage: Coverage) -> int:
    """Where the backlog begins by now: what an earlier sweep has proven of it is read."""
    return max(coverage.backlog_to, coverage.proven)


def overtaken(coverage: Coverage, unread: int) -> bool:
    """Whether the newest page left more time ``unread`` (µs) above the running sweep than the sweep has to prove.

    As after an outage: beginning anew at the top then costs less than finishing first, and under offset paging the
    sweep's place is lost among the new rows anyway. It happens once: the sweep that begins then has all of it to prove,
    so that a list which outruns the budget at every poll never keeps a sweep from coming down.
    """
    return coverage.sweep is not None and unread > coverage.sweep.started - coverage.proven


def eta(coverage: Coverage, now: int, least_elapsed: int) -> float | None:
    """Seconds until the backlog is read if the sweep goes on as it went; None without one, or with no sweep to tell."""
    walk = coverage.sweep
    if not coverage.backlog_from or walk is None:
        return None
    walked = walk.started - walk.lo
    if walk.started >= coverage.backlog_from:
        left = max(0, walk.lo - _unread_from(coverage))
    else:  # the running sweep began before the backlog: another one has to follow it, from the top
        left = max(0, walk.lo - walk.floor) + now - _unread_from(coverage)
    return left * max(now - walk.started, least_elapsed) / walked / SECOND if walked > 0 else None


def begin_sweep(
    coverage: Coverage,
    pending: dict[int, Waiting],
    *,
    started: int,
    limit: int,
    least: int,
    everything: bool = False,
) -> Coverage:
    """Start a sweep at the top of the list; see :func:`floor`."""
    lowest = floor(coverage, pending, started, everything=everything)
    walk = walks.begin(started=started, floor=lowest, ceiling=_target(coverage, started), limit=limit, least=least)
    return replace(coverage, sweep=walk)


def sweep_page(coverage: Coverage, pending: dict[int, Waiting], page: Page, paginator: Paginator) -> Sealed:
    """Take the next page of the running sweep; seal what it proves."""
    assert coverage.sweep is not None
    return _sweep(coverage, pending, walks.take(coverage.sweep, page, paginator))


def sweep_refused(coverage: Coverage, pending: dict[int, Waiting], paginator: Paginator) -> Sealed:
    """The server refused the sweep's position."""
    assert coverage.sweep is not None
    return _sweep(coverage, pending, walks.miss(coverage.sweep, paginator))


def search_page(coverage: Coverage, pending: dict[int, Waiting], page: Page, paginator: Paginator) -> Sealed:
    """Take the next page of the search for pending rows below the frontier."""
    assert coverage.search is not None
    return _search(coverage, pending, walks.take(coverage.search, page, paginator))


def search_refused(coverage: Coverage, pending: dict[int, Waiting], paginator: Paginator) -> Sealed:
    """The server refused the search's position."""
    assert coverage.search is not None
    return _search(coverage, pending, walks.miss(coverage.search, paginator))


def _sweep(coverage: Coverage, pending: dict[int, Waiting], outcome: walks.Outcome) -> Sealed:
    walk = outcome.walk
    if outcome.step is Step.STUCK:
        return Sealed(_give_up(coverage, walk), unprovable=True)
    done = outcome.step is Step.DONE
    # While rows are looked for below the frontier, none may be forgotten until a sweep has come down to the horizon.
    bottom = coverage.horizon if coverage.deep else coverage.proven
    proves = outcome.joined and (walk.ended or walk.lo <= bottom)
    if outcome.joined and walk.started >= coverage.backlog_from and (walk.ended or walk.lo <= _unread_from(coverage)):
        coverage = replace(coverage, backlog_from=0, backlog_to=0)
    if not proves:
        return Sealed(replace(coverage, sweep=None if done else walk), unprovable=outcome.unprovable)
    # What is left of the walk is a search for old pending rows: it must not keep the next sweep waiting.
    coverage = replace(_seal(coverage, walk), sweep=None, search=coverage.search if done else walk)
    return Sealed(coverage, _vanished(pending, walk), outcome.unprovable)


def _search(coverage: Coverage, pending: dict[int, Waiting], outcome: walks.Outcome) -> Sealed:
    walk = outcome.walk
    if outcome.step is Step.ON:
        return Sealed(replace(coverage, search=walk), unprovable=outcome.unprovable)
    stuck = outcome.step is Step.STUCK
    search_after = walk.started + SEARCH_RETRY if stuck else 0
    vanished = () if stuck else _vanished(pending, walk)
    return Sealed(replace(coverage, search=None, search_after=search_after), vanished, stuck or outcome.unprovable)


def _target(coverage: Coverage, started: int) -> int:
    """How far a sweep that started at ``started`` can move the frontier."""
    return max(coverage.proven, started - coverage.max_lateness - CLOCK_MARGIN)


def _seal(coverage: Coverage, walk: Walk) -> Coverage:
    """Move the frontier after a sweep that reached it; give up a stretch that failed too often, aloud."""
    # The ceiling was the target when the walk began; max_lateness may have been changed since.
    target = min(walk.ceiling, _target(coverage, walk.started))
    if walk.unproven == 0:
        return _move(coverage, target)
    if coverage.failed + 1 < TRIES_BEFORE_CONCEDING:
        return replace(coverage, failed=coverage.failed + 1)
    lost = min(walk.unproven, target - coverage.proven)
    return _move(replace(coverage, lost=coverage.lost + lost, lost_until=target), target)


def _give_up(coverage: Coverage, walk: Walk) -> Coverage:
    """End a sweep that cannot reach the frontier. What has been open too long is lost, and said to be."""
    oldest = walk.started - coverage.max_lateness - LONGEST_OPEN
    failed = coverage.failed + 1
    coverage = replace(coverage, sweep=None, failed=failed)
    if failed < TRIES_BEFORE_CONCEDING or coverage.proven >= oldest:
        return coverage
    lost = coverage.lost + oldest - coverage.proven
    return replace(_move(replace(coverage, lost=lost, lost_until=oldest), oldest), failed=failed)


def _move(coverage: Coverage, proven: int) -> Coverage:
    horizon = max(coverage.horizon, proven - coverage.max_lateness)
    return replace(coverage, proven=proven, horizon=horizon, deep=False, failed=0)


def _vanished(pending: dict[int, Waiting], walk: Walk) -> tuple[int, ...]:
    """Pending rows in the walked stretch that were known before the walk and that it did not show.

    Neither those that it may have passed, nor those newer than its ceiling, which need no proof yet and will be walked
    again (a time in the future aside, which no ceiling reaches).
    """
    lowest = -1 if walk.ended else walk.lo
    return tuple(
        key
        for key, row in pending.items()
        if row.seen < walk.started
        and row.created > lowest
        and not walk.ceiling < row.created <= walk.started
        and not walks.hides(walk, row.created)
    )
