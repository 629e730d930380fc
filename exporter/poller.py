"""One list's cycle: head poll, then as much of the sweep as the request budget allows. Nothing escapes from it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from exporter.allotment import Allotment
from exporter.api.budget import RequestBudget
from exporter.api.client import ApiClient, Response
from exporter.api.decode import Decoder
from exporter.api.errors import ApiError
from exporter.api.serverclock import ServerClock
from exporter.counting import coverage as cover
from exporter.intake import Intake
from exporter.metrics import catalog
from exporter.metrics.telemetry import Telemetry
from exporter.models import SECOND, Clock, FailureReason, Page, PollError, Position, SourceKey
from exporter.publisher import Publisher

log = structlog.get_logger(__name__)

PATIENCE = 5
"""Cycles that a sweep may go without a page before it takes its turn in the request budget."""

LONGEST_PAUSE = 3600.0
"""Seconds that a server's Retry-After is heeded at most."""

READING_SHARE = 0.8
"""Share of the interval in which a cycle begins requests: the last one shall be answered when the next cycle is due."""

SHOW_EVERY = 10.0
"""Seconds after which a cycle that waits for its next page publishes what it has read."""


@dataclass(slots=True)
class PollStatus:
    """How the polls of one list went. Times in µs of the local clock."""

    up: bool | None = None
    last_poll: int | None = None
    last_success: int | None = None
    failure: PollError | None = None
    failing_since: int | None = None
    outrun: bool = False
    """Rows arrive faster than the budget lets them be read."""


class SourcePoller:
    """Polls one list. :meth:`poll` is called on a timer, never twice at once."""

    def __init__(
        self,
        *,
        client: ApiClient,
        decoder: Decoder,
        intake: Intake,
        allotment: Allotment,
        active: Callable[[], Collection[SourceKey]],
        telemetry: Telemetry,
        publisher: Publisher,
        clock: Clock,
        server_clock: ServerClock,
        budget: RequestBudget,
    ) -> None:
        """``active`` tells which lists of the account have a sweep running; ``budget`` is the account's."""
        self.source = intake.source
        self.intake = intake
        self.status = PollStatus()
        self._client = client
        self._decoder = decoder
        self._budget = budget
        self._allotment = allotment
        self._active = active
        self._telemetry = telemetry
        self._publisher = publisher
        self._clock = clock
        self._server_clock = server_clock
        self._resume_at = 0.0
        self._first_asked: float | None = None
        self._starved = 0
        self._shown = 0.0

    def inherit(self, previous: SourcePoller) -> None:
        """Go on with what ``previous`` knew of the same list, as after a reload."""
        self.status = previous.status
        self.intake.inherit(previous.intake)
        self._resume_at = previous._resume_at
        self._first_asked = previous._first_asked
        self._allotment.resume_at = max(self._allotment.resume_at, previous._allotment.resume_at)

    @property
    def key(self) -> SourceKey:
        return self.source.key

    @property
    def walking(self) -> bool:
        """Whether a sweep or a walk back has pages left to read."""
        return self.intake.errand(self._server_time()) is not None

    async def poll(self) -> None:
        """Run one cycle. Failures end in the log, in the metrics and in :attr:`status`; the next cycle tries again."""
        if self._clock.monotonic() < max(self._resume_at, self._allotment.resume_at):
            return  # the server said when to come back
        began = self._clock.monotonic()
        if self._first_asked is None:
            self._first_asked = began
        failure: PollError | None = None
        try:
            await self._cycle(began + READING_SHARE * self.source.interval)
        except PollError as error:
            # What is kept is what is said: the frames of its traceback would keep the body that could not be read.
            failure = error.with_traceback(None)
            failure.__context__ = None
        except Exception:
            log.exception("poll failed unexpectedly", account=self.key.account, source=self.key.source)
            self._telemetry.count(catalog.TASK_FAILURES, "poll")
            failure = PollError(FailureReason.BAD_BODY, "unexpected error, see the log")
        self._telemetry.count(catalog.POLLS, *self.key)
        self._telemetry.set(catalog.POLL_DURATION, *self.key, value=self._clock.monotonic() - began)
        self._note(failure)
        self.show()
        self._save()

    async def _cycle(self, latest: float) -> None:
        """Read the newest rows, then go on with the sweep while its requests can be sent by ``latest`` (monotonic)."""
        steady = self.status.up is True
        page = await self._fetch(Position(), self.source.page_size)
        walk = self.intake.head(page, tried_for=self._tried_for())
        # The newest rows are in: a sweep that fails below does not make them stale, nor does one that takes its time
        # keep an exporter that has just started from being ready.
        self.status.last_success = self.status.last_poll = self._clock.now()
        if self.status.up is None:
            self.status.up = True
        if self.walking:  # what follows may take a while; otherwise the cycle ends, and publishes, now
            self._show_progress()
        # The wait for the first page is not taken from the others: rows that are left out wait for the next sweep.
        newest_by = self._clock.monotonic() + READING_SHARE * self.source.interval
        budget = self._allotment.longest_head[self.key] - 1
        coverage = self.intake.coverage
        # Where a sweep has just begun above unread rows, nothing new is known of how fast they come.
        noticed = coverage is not None and coverage.backlog_from == page.observed
        outrun = steady and noticed and self.status.outrun
        while walk is not None:
            try:
                more = await self._fetch_by(newest_by, walk.position, walk.limit) if budget > 0 else None
            except PollError:
                self.intake.break_off(walk)
                raise
            if more is None:
                outrun = steady  # otherwise it is what came while nobody asked
                self.intake.break_off(walk)
                break
            budget -= 1
            walk = self.intake.chain(walk, more)
        self.status.outrun = outrun
        await self._walk(self._allotment.grant(self.key, self._active()), latest)

    async def _walk(self, pages: int, latest: float) -> None:
        """Read up to ``pages`` pages, until ``latest``: of the sweep, then of the walk back for credit budgets.

        Where the newest rows alone take longer than that, one page is read all the same, if the budget has room now.
        """
        self._starved += 1
        latest = max(latest, self._clock.monotonic())
        for _ in range(max(pages, self._starved // PATIENCE)):
            errand = self.intake.errand(self._server_time())
            if errand is None:
                self._starved = 0
                return
            walk = errand.walk
            try:
                if self._starved < PATIENCE:
                    page = await self._fetch_by(latest, walk.position, walk.limit)
                else:  # head polls go first, but a walk that has been starved for long waits for its turn like one
                    page = await self._fetch(walk.position, walk.limit)
            except PollError as error:
                larger = walk.limit > walk.base_limit
                refused = error.reason is FailureReason.CLIENT_ERROR and (larger or not walk.position.at_top)
                if not (refused or (error.reason is FailureReason.TOO_LARGE and larger)):
                    raise
                # Too large a page, a deleted anchor, too deep a skip: the walk knows another way, or ends.
                log.info("request of a walk refused", account=self.key.account, source=self.key.source, said=str(error))
                errand.refused(self._server_time())
            else:
                if page is None:
                    return
                errand.take(page)
            self._allotment.spend(self.key, 1)
            self._starved = 0

    async def _fetch(self, position: Position, limit: int) -> Page:
        return self._decode(await self._client.get(self.source.path, self.intake.paginator.params(position, limit)))

    async def _fetch_by(self, latest: float, position: Position, limit: int) -> Page | None:
        """Fetch a page as soon as the budget has room beyond what the other lists' head polls need.

        Returns None if that is not before ``latest``: the newest rows of the next cycle go first, however much of the
        budget is left. To wait is what makes use of the whole budget: its places become free one by one, as they were
        taken, and those which nobody waits for are lost.
        """
        params, reserve = self.intake.paginator.params(position, limit), self._allotment.reserve
        while self._clock.monotonic() <= latest:
            if self._clock.monotonic() - self._shown >= SHOW_EVERY:
                self._show_progress()
            response = await self._client.try_get(self.source.path, params, reserve=reserve)
            if response is not None:
                return self._decode(response)
            wait = self._budget.wait(self._clock.now(), reserve) / SECOND
            if self._clock.monotonic() + wait > latest:
                return None
            await self._clock.sleep(wait)
        return None

    def _decode(self, response: Response) -> Page:
        return self._decoder.decode(response.body, self._server_clock.settle(response.observed, response.skew))

    def _server_time(self) -> int:
        return self._server_clock.now(self._clock.now())

    def _tried_for(self) -> int:
        """How long the newest page has been asked for since the start (µs)."""
        asked = self._first_asked
        return 0 if asked is None else int((self._clock.monotonic() - asked) * SECOND)

    def _note(self, failure: PollError | None) -> None:
        now = self._clock.now()
        status = self.status
        status.last_poll = now
        status.up = failure is None
        status.failure = failure
        if failure is None:
            if status.failing_since is not None:
                log.info("poll works again", account=self.key.account, source=self.key.source)
            status.failing_since = None
        else:
            status.failing_since = status.failing_since or now
            self._telemetry.count(catalog.POLL_FAILURES, *self.key, failure.reason.value)
            log.warning(
                "poll failed",
                account=self.key.account,
                source=self.key.source,
                reason=failure.reason.value,
                error=str(failure),
            )
            self._pause(failure)
        if failure is None or failure.reason is not FailureReason.LEDGER:
            auth_ok = failure is None or failure.reason is not FailureReason.AUTH
            self._telemetry.set(catalog.AUTH_OK, self.key.account, value=float(auth_ok))
        self._publisher.ledger_fails(failure is not None and failure.reason is FailureReason.LEDGER)

    def _pause(self, failure: PollError) -> None:
        """Stay away for as long as the server asked; the account's other lists too, if it was about its rate."""
        pause = failure.retry_after if isinstance(failure, ApiError) else None
        resume_at = self._clock.monotonic() + min(pause or 0.0, LONGEST_PAUSE)
        if failure.reason is FailureReason.RATE_LIMITED:
            self._allotment.resume_at = max(self._allotment.resume_at, resume_at)
        else:
            self._resume_at = resume_at

    def show(self) -> None:
        """Set this list's gauges."""
        telemetry, status = self._telemetry, self.status
        telemetry.set(catalog.POLL_INTERVAL, *self.key, value=self.source.interval)
        telemetry.set(catalog.SOURCE_UP, *self.key, value=float(status.up or False))
        telemetry.set(catalog.LAST_SUCCESS, *self.key, value=(status.last_success or 0) / SECOND)
        telemetry.set(catalog.WATERMARK, *self.key, value=(self.watermark() or 0) / SECOND)
        eta = self.eta()
        telemetry.set(catalog.CATCHING_UP, *self.key, value=float(self.catching_up()))
        telemetry.set(catalog.CATCH_UP_ETA, *self.key, value=0.0 if eta is None else eta)
        open_gap, lost = self.gaps()
        telemetry.set(catalog.COVERAGE_GAP, *self.key, "open", value=open_gap)
        telemetry.set(catalog.COVERAGE_GAP, *self.key, "lost", value=lost)

    def _show_progress(self) -> None:
        """Publish what has been read so far: what follows may take a while."""
        self._shown = self._clock.monotonic()
        self.show()
        self._publisher.publish_soon()

    def _save(self) -> None:
        """Make the cycle's own counters durable, then show them."""
        try:
            self.intake.save_counters()
        except PollError as error:
            log.warning("the exporter's own counters could not be saved", error=str(error))
            self._publisher.ledger_fails(True)
        self._publisher.publish_soon()

    def watermark(self) -> int | None:
        """Every row created before this (µs) has been counted; None before the first poll."""
        coverage = self.intake.coverage
        return None if coverage is None else cover.watermark(coverage, self.intake.waiting)

    def catching_up(self) -> bool:
        """Whether a backlog is being read."""
        coverage = self.intake.coverage
        return coverage is not None and coverage.backlog_from > 0

    def eta(self) -> float | None:
        """Seconds until the backlog is read, infinite if no end is in sight, None without a backlog."""
        coverage = self.intake.coverage
        if coverage is None or not coverage.backlog_from:
            return None
        interval = int(self.source.interval * SECOND)
        # Pages come in bursts, one an interval: half an interval later is the middle between two of them.
        known = cover.eta(coverage, self._server_time() + interval // 2, interval)
        return float("inf") if self.status.outrun or known is None else known

    def gaps(self) -> tuple[float, float]:
        """Seconds that should be proven by now and are not, and seconds given up."""
        coverage = self.intake.coverage
        if coverage is None:
            return 0.0, 0.0
        return cover.open_gap(coverage, self._server_time()) / SECOND, coverage.lost / SECOND
