"""Takes in the pages of one list: decides every row, proves coverage, commits both together. No network.

One page is one transaction. If it fails, nothing has changed: the page is asked for again.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from exporter.books import Books
from exporter.counting import coverage as cover
from exporter.counting import history as back
from exporter.counting import ledger
from exporter.counting import walk as walks
from exporter.counting.coverage import Coverage, Sealed, Waiting
from exporter.counting.history import History
from exporter.counting.ledger import Entries
from exporter.counting.totals import Tally
from exporter.counting.walk import Walk
from exporter.metrics import catalog
from exporter.metrics.catalog import Family
from exporter.metrics.telemetry import Telemetry
from exporter.models import CounterKey, Page, Paginator, Source, Status

REPORTED_REJECTS = 10_000
"""So many rejected rows are remembered, to report each once although every sweep meets it again."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """Times that decide what is proven and what is late (µs)."""

    max_lateness: int
    look_back: int
    least_capacity: int = walks.LEAST_CAPACITY


@dataclass(frozen=True, slots=True)
class Errand:
    """A page to ask for: where ``walk`` stands, what to do with the page, and what if the server refuses (at µs).

    Both raise PollError(ledger).
    """

    walk: Walk
    take: Callable[[Page], None]
    refused: Callable[[int], None]


class Intake:
    """The way into the books for one list."""

    def __init__(
        self,
        source: Source,
        *,
        books: Books,
        telemetry: Telemetry,
        tally: Tally,
        paginator: Paginator,
        lateness: Lateness,
        history_since: Callable[[int], int | None],
    ) -> None:
        """``history_since`` tells, at a time (µs), since when the credit budgets want to know what was spent."""
        self.source = source
        self.paginator = paginator
        self._books = books
        self._telemetry = telemetry
        self._tally = tally
        self._lateness = lateness
        self._history_since = history_since
        self._reported: OrderedDict[bytes, None] = OrderedDict()
        self._thorough = False
        """Whether the running sweep was begun since the start, to walk down to every row that may not be counted."""
        self._sealed = False
        """Whether such a sweep has moved the frontier."""

    def inherit(self, previous: Intake) -> None:
        """Go on with what ``previous`` had reported of the same list, as after a reload."""
        self._reported = previous._reported

    @property
    def swept(self) -> bool:
        """Whether the list has been walked since the start: all that a rolled back ledger had lost is counted again."""
        return self._sealed and self.coverage is not None and self.coverage.search is None

    @property
    def coverage(self) -> Coverage | None:
        """What is proven of the list; None before its first page."""
        return self._books.coverage.get(self.source.key)

    @property
    def waiting(self) -> dict[int, cover.Waiting]:
        """The pending rows of the list, by hash."""
        return self._books.waiting.get(self.source.key, {})

    def save_counters(self) -> None:
        """Make the exporter's own counters durable. Raises PollError(ledger)."""
        counters = self._telemetry.take()
        try:
            self._books.store.commit_counters(counters)
        except BaseException:
            self._telemetry.failed()
            raise
        self._telemetry.committed()

    def head(self, page: Page, *, tried_for: int = 0) -> Walk | None:
        """Take the newest page. Starts a sweep with it if none is running.

        ``tried_for`` is how long (µs) this page has been tried for since the start: on the very first start, counting
        begins when it was first asked for, not when the API at last answered. Returns a walk to go on with if the page
        does not reach down to rows already known. Raises PollError(ledger).
        """
        coverage = self._books.begin(
            self.source.key,
            now=page.observed,
            look_back=self._lateness.look_back + tried_for,
            max_lateness=self._lateness.max_lateness,
            page_size=self.source.page_size,
        )
        known = coverage.newest or coverage.proven
        coverage, usable = cover.look(coverage, page)
        chain = walks.begin(
            started=page.observed, floor=known, limit=self.source.page_size, least=self._lateness.least_capacity
        )
        outcome = walks.take(chain, page, self.paginator)
        reaches = outcome.step is not walks.Step.ON
        unread = outcome.walk.lo - known if outcome.joined and not reaches else 0
        starts = usable and (coverage.sweep is None or cover.overtaken(coverage, unread))
        if starts:
            if not reaches:
                coverage = cover.backlog(coverage, page.observed, known)
            # After a rollback: what was published may have been counted of rows that usual sweeps do not go down to.
            self._thorough = self._books.store.rolled_back
            coverage = cover.begin_sweep(
                coverage,
                self.waiting,
                started=page.observed,
                limit=self.source.page_size,
                least=self._lateness.least_capacity,
                everything=self._thorough,
            )
            self._sweep(coverage, page)
        else:
            self._record(coverage, page, self._apply(coverage, page), unprovable=not usable)
        return None if reaches or starts else outcome.walk

    def chain(self, walk: Walk, page: Page) -> Walk | None:
        """Take a further page of the newest rows; returns the walk to go on with. Raises PollError(ledger)."""
        coverage = self._known()
        self._record(coverage, page, self._apply(coverage, page), unprovable=False)
        outcome = walks.take(walk, page, self.paginator)
        return outcome.walk if outcome.step is walks.Step.ON else None

    def break_off(self, walk: Walk) -> None:
        """Leave the rest of the newest rows to the next sweep. Raises PollError(ledger)."""
        coverage = cover.backlog(self._known(), walk.started, walk.floor)
        self._commit(coverage, Entries(), Counter(), walk.started)

    def errand(self, now: int) -> Errand | None:
        """The page to ask for next, of the running sweep or else of the walk back; None if there is none."""
        coverage = self.coverage
        if coverage is None:
            return None
        if coverage.sweep is not None:
            return Errand(coverage.sweep, self._take_sweep, self._sweep_refused)
        if coverage.search is not None:
            return Errand(coverage.search, self._take_search, self._search_refused)
        history = self._history(coverage, now)
        if history is None or history.walk is None:
            return None
        return Errand(
            history.walk,
            lambda page: self._take_history(history, page),
            lambda at: self._history_refused(history, at),
        )

    def _take_sweep(self, page: Page) -> None:
        self._sweep(self._known(), page)

    def _sweep_refused(self, now: int) -> None:
        sealed = cover.sweep_refused(self._known(), self.waiting, self.paginator)
        self._commit(sealed.coverage, Entries(), self._unprovable(sealed.unprovable), now)

    def _take_search(self, page: Page) -> None:
        coverage = self._known()
        self._conclude(
            page, self._apply(coverage, page), cover.search_page(coverage, self.waiting, page, self.paginator)
        )

    def _search_refused(self, now: int) -> None:
        sealed = cover.search_refused(self._known(), self.waiting, self.paginator)
        self._commit(sealed.coverage, Entries(), self._unprovable(sealed.unprovable), now)

    def _history(self, coverage: Coverage, now: int) -> History | None:
        """The walk back for credit budgets, under way; None if there is nothing to walk back to."""
        since = self._history_since(now)
        if since is None:
            return None
        floor = cover.budget_floor(coverage, since)
        if not back.due(coverage.history, floor, now):
            return None
        if coverage.history.walk is not None:
            return coverage.history
        least = self._lateness.least_capacity
        return back.begin(coverage.history, started=now, floor=floor, limit=self.source.page_size, least=least)

    def _take_history(self, history: History, page: Page) -> None:
        """Take a page of the walk back: its credits feed budgets only."""
        history, times, unprovable = back.take(history, page, self.paginator)
        entries = Entries()
        for row in page.rows:
            if row.created not in times:
                continue
            if row.status is Status.PENDING:  # wait for it, as for any other: its credits will belong to the budget
                hash_ = ledger.row_key(self.source.key, row).hash
                entries.waiting[hash_] = Waiting(created=row.created, seen=page.observed)
            else:
                self._tally.spend(entries.delta, row)
        coverage = replace(self._known(), history=history)
        self._commit(coverage, entries, self._unprovable(unprovable), page.observed)

    def _history_refused(self, history: History, now: int) -> None:
        coverage = replace(self._known(), history=back.refused(history, self.paginator))
        self._commit(coverage, Entries(), self._unprovable(True), now)

    def _known(self) -> Coverage:
        return self._books.coverage[self.source.key]

    def _apply(self, coverage: Coverage, page: Page) -> Entries:
        keys = ledger.row_keys(self.source.key, page.rows)
        marks = self._books.store.marks(self.source.key, keys)
        self._tally.recount = self._books.store.recount
        return ledger.apply(coverage, self.waiting, page, keys, marks, self._tally)

    def _sweep(self, coverage: Coverage, page: Page) -> None:
        entries = self._apply(coverage, page)
        sealed = cover.sweep_page(coverage, self.waiting, page, self.paginator)
        self._conclude(page, entries, sealed)
        self._sealed = self._sealed or (self._thorough and sealed.coverage.proven > coverage.proven)

    def _conclude(self, page: Page, entries: Entries, sealed: Sealed) -> None:
        vanished = ledger.vanish(entries, self.waiting, sealed.vanished)
        self._record(sealed.coverage, page, entries, unprovable=sealed.unprovable, vanished=vanished)

    def _record(self, coverage: Coverage, page: Page, entries: Entries, *, unprovable: bool, vanished: int = 0) -> None:
        if entries.beyond_lateness:
            coverage = cover.beyond(coverage)
        counters = self._unprovable(unprovable)
        place = self.source.key

        def count(family: Family, *labels: str, by: int) -> None:
            if by:
                counters[family.name, (*place, *labels)] += by

        for outcome, number in entries.outcomes.items():
            count(catalog.ROWS, outcome.value, by=number)
        for field, number in entries.delta.missing.items():
            count(catalog.MISSING_VALUES, field.value, by=number)
        for label, number in entries.delta.overflow.items():
            counters[catalog.LABEL_OVERFLOW.name, (place.account, label)] += number
        count(catalog.AMENDED_ROWS, by=entries.amended)
        count(catalog.VANISHED_ROWS, by=vanished)
        count(catalog.BEYOND_LATENESS, by=entries.beyond_lateness)
        fresh = [reject for reject in page.rejects if reject.digest not in self._reported]
        for reject in fresh:
            count(catalog.REJECTED_ROWS, reject.reason.value, by=1)
        self._commit(coverage, entries, counters, page.observed)
        for reject in fresh:
            self._reported[reject.digest] = None
        while len(self._reported) > REPORTED_REJECTS:
            self._reported.popitem(last=False)

    def _unprovable(self, unprovable: bool) -> Counter[CounterKey]:
        return Counter({(catalog.UNPROVABLE_PAGES.name, tuple(self.source.key)): 1} if unprovable else {})

    def _commit(self, coverage: Coverage, entries: Entries, page_counters: Counter[CounterKey], now: int) -> None:
        counters = self._telemetry.take(page_counters)
        try:
            self._books.record(self.source.key, coverage, entries, counters, now=now)
        except BaseException:
            self._telemetry.failed()
            raise
        self._telemetry.committed()
