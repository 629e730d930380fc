"""The exporter without its network: page bytes in, then decoded, counted, committed to the disk, and published."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from benchmarks.listing import Listing
from exporter.api.decode import Decoder
from exporter.api.pages import paginator
from exporter.books import Books
from exporter.clock import SystemClock
from exporter.config import load
from exporter.counting.labels import LabelCaps
from exporter.counting.totals import Tally
from exporter.daemon import layout
from exporter.intake import Intake, Lateness
from exporter.metrics.catalog import Family
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import Snapshot
from exporter.metrics.spelling import Values
from exporter.metrics.telemetry import Telemetry
from exporter.models import SECOND, Position
from exporter.publisher import Publisher
from exporter.runtime import terms
from exporter.store import Store

DAY = 86_400 * SECOND

LATENESS = 15 * DAY
"""How late a row may show up: so long that a ledger of 10 million rows, 9 a second, forgets none of them."""

PUBLISH_EVERY = 10
"""Pages between two publishes, as in a daemon that may ask for one a second (exporter.poller.SHOW_EVERY)."""


class Unrendered(Exposition):
    """Takes what is published, and leaves it at that."""

    def publish(self, snapshot: Snapshot, own: Iterable[tuple[Family, Values]] = ()) -> None:
        """Keep the snapshot."""
        self.snapshot = snapshot


class Pipeline:
    """One list's way from bytes to the disk and to what is published."""

    def __init__(
        self, ledger: Path, exposition: Exposition, *, page_size: int = 1000, look_back: int = 15 * DAY
    ) -> None:
        config = load(None, {"VLMRUN_API_KEY": "none"})
        completions = next(source for source in config.sources() if source.name == "completions")
        source = replace(completions, page_size=page_size)
        self._store = Store(ledger, layout())
        books = Books(self._store, layout())
        telemetry = Telemetry(books.counters)
        self.books = books
        self.publisher = Publisher(
            books=books, telemetry=telemetry, exposition=exposition, clock=SystemClock(), terms=terms(config)
        )
        self._decoder = Decoder(source)
        self._page_size = page_size
        self._begun = False
        self._intake = Intake(
            source,
            books=books,
            telemetry=telemetry,
            tally=Tally(
                source.key,
                layout=layout(),
                rules=config.slow_low_token_rules(),
                caps=LabelCaps(config.labels.max_models, config.labels.max_skills, books.totals),
                late_after=LATENESS,
            ),
            paginator=paginator(source.paging),
            lateness=Lateness(max_lateness=LATENESS, look_back=look_back),
            history_since=lambda now: None,
        )

    def wanted(self, listing: Listing) -> dict[str, str | int] | None:
        """The query parameters of the next page to ask for; None once the whole list is counted."""
        if not self._begun:
            return self._intake.paginator.params(Position(), self._page_size)
        errand = self._intake.errand(listing.observed)
        return None if errand is None else self._intake.paginator.params(errand.walk.position, errand.walk.limit)

    def take(self, body: bytes, observed: int) -> None:
        """Count a page, listed at ``observed`` (µs): when this returns, it is on the disk."""
        page = self._decoder.decode(body, observed)
        if self._begun:
            errand = self._intake.errand(observed)
            assert errand is not None
            errand.take(page)
        else:
            self._intake.head(page)
            self._begun = True

    def close(self) -> None:
        """Close the ledger."""
        self._store.close()
