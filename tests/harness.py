"""Drives the real intake and the real ledger file over a list under control, page by page."""

from __future__ import annotations

from pathlib import Path

from exporter.api.pages import paginator
from exporter.books import Books
from exporter.counting.labels import LabelCaps
from exporter.counting.totals import Tally
from exporter.daemon import layout
from exporter.intake import Intake, Lateness
from exporter.metrics import catalog
from exporter.metrics.catalog import Family
from exporter.metrics.telemetry import Telemetry
from exporter.models import (
    SECOND,
    FailureReason,
    PollError,
    Position,
    SlowLowToken,
    SlowLowTokenRules,
    Source,
    SourceKey,
    Status,
)
from exporter.store import Store
from tests.listing import Listing

KEY = SourceKey("a", "completions")
RULES = SlowLowTokenRules(SlowLowToken(max_output_tokens=128, min_duration=10 * SECOND, alert_ratio=0.2))


class Exporter:
    """An exporter without a network: restart it as often as you like."""

    def __init__(
        self,
        path: Path,
        listing: Listing,
        *,
        page_size: int = 20,
        max_lateness: int = 900,
        late_after: int = 600,
        look_back: int = 0,
        budget_since: int | None = None,
        least_capacity: int = 10,
    ) -> None:
        self.path = path
        self.listing = listing
        self._page_size = page_size
        self._lateness = Lateness(max_lateness * SECOND, look_back * SECOND, least_capacity)
        self._late_after = late_after * SECOND
        self._budget_since = budget_since
        self.open()

    def open(self) -> None:
        self.store = Store(self.path, layout())
        self.books = Books(self.store, layout())
        self.telemetry = Telemetry(self.books.counters)
        source = Source(
            KEY.account, KEY.source, "/x", self.listing.paging, 60.0, self._page_size, {}, {}, Status.PENDING
        )
        tally = Tally(
            KEY, layout=layout(), rules=RULES, caps=LabelCaps(50, 200, self.books.totals), late_after=self._late_after
        )
        self.intake = Intake(
            source,
            books=self.books,
            telemetry=self.telemetry,
            tally=tally,
            paginator=paginator(self.listing.paging),
            lateness=self._lateness,
            history_since=lambda now: self._budget_since,
        )

    def close(self) -> None:
        self.store.close()

    def kill(self) -> None:
        """Start again from what is in the ledger, as after ``kill -9``: memory is gone."""
        self.close()
        self.open()

    def ask(self, position: Position, limit: int):
        return self.listing.get(self.intake.paginator.params(position, limit))

    def head(self) -> None:
        walk = self.intake.head(self.ask(Position(), self._page_size))
        if walk is not None:
            self.intake.break_off(walk)

    def step(self) -> bool:
        """Read one more page of the sweep, or of the walk back; False if there is nothing to read."""
        errand = self.intake.errand(self.listing.now)
        if errand is None:
            return False
        try:
            page = self.ask(errand.walk.position, errand.walk.limit)
        except PollError as error:
            assert error.reason is FailureReason.CLIENT_ERROR
            errand.refused(self.listing.now)
        else:
            errand.take(page)
        return True

    def cycle(self, pages: int = 1000) -> None:
        self.head()
        for _ in range(pages):
            if not self.step():
                break

    @property
    def counted(self) -> int:
        """Completions counted, over all series."""
        return sum(values[0] for values in self.books.totals.values())

    @property
    def spent(self) -> int:
        """Micro-credits known to be spent, over all time."""
        return sum(self.books.spend.get(KEY, {}).values())

    def value(self, family: Family, *labels: str) -> float:
        return self.telemetry.value(family, *KEY, *labels)

    @property
    def unprovable(self) -> float:
        return self.value(catalog.UNPROVABLE_PAGES)
