"""The exporter under proof: the real poller, decoder, intake and ledger, with everything but the network.

It dies where it is told to, and is started again from its ledger.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Final, cast

from exporter.allotment import Allotment
from exporter.api.budget import RequestBudget
from exporter.api.decode import Decoder
from exporter.api.pages import paginator
from exporter.api.serverclock import ServerClock
from exporter.books import Books
from exporter.config import load
from exporter.counting import coverage as cover
from exporter.counting import layout as slots
from exporter.counting.coverage import Coverage
from exporter.counting.labels import LabelCaps
from exporter.counting.ledger import VANISHED
from exporter.counting.totals import Tally
from exporter.daemon import layout
from exporter.intake import Intake, Lateness
from exporter.metrics.catalog import Family
from exporter.metrics.telemetry import Telemetry
from exporter.models import SECOND, FailureReason, PollError, SeriesKey, SourceKey
from exporter.poller import SourcePoller
from exporter.store import Store
from tests.clocks import FakeClock
from tests.harness import RULES
from tests.ledgers import ids_held
from tests.listing import Listing
from tests.proof.upstream import Upstream

KEY: Final = SourceKey("a", "completions")
INTERVAL: Final = 60.0
PAGE_SIZE: Final = 20
MAX_LATENESS: Final = 900 * SECOND

EDGES: Final = ("recorded", "fetched", "inside", "committed", "adopted", "published")
"""Where it may die: a request is on record but not sent; its page is there; its rows are written but not committed;
they are committed, but not in memory; they are in memory; they were shown to a scraper."""


class Crash(BaseException):
    """The process is killed: nothing in it catches this, and its memory is gone."""


@dataclass(slots=True)
class Doom:
    """What happens at an edge once it has been passed so many times."""

    edge: str
    passages: int
    error: BaseException


class Subject:
    """An exporter of one list. ``requests_per_minute`` decides between an ample and a starved budget."""

    def __init__(
        self,
        path: Path,
        listing: Listing,
        *,
        clock: FakeClock,
        random: Random,
        requests_per_minute: int,
        meanwhile: Callable[[], None],
    ) -> None:
        self.listing = listing
        self.shown: dict[SeriesKey, int] = {}
        """The completions of each series as a scraper has last seen them."""
        self.decreases = 0
        self.deaths = 0
        self._path = path
        self._clock = clock
        self._random = random
        self._requests_per_minute = requests_per_minute
        self._meanwhile = meanwhile
        self._doom: Doom | None = None
        self.failing = 0.0
        self.wrong_dates = 0.0
        defaults = next(source for source in load(None, {}).sources() if source.name == "completions")
        self._source = replace(
            defaults,
            account=KEY.account,
            name=KEY.source,
            paging=listing.paging,
            interval=INTERVAL,
            page_size=PAGE_SIZE,
        )
        self._open()

    def die_at(self, edge: str, passage: int) -> None:
        """Die at the given passage of an edge, counted from now (1 is the next)."""
        self._doom = Doom(edge, passage, Crash(edge))

    def fail_at(self, edge: str, passage: int) -> None:
        """Let the ledger fail there once."""
        self._doom = Doom(edge, passage, PollError(FailureReason.LEDGER, "as told"))

    def poll(self) -> None:
        """Run one cycle; if it is deadly, start again."""
        self._upstream.failing, self._upstream.wrong_dates = self.failing, self.wrong_dates
        try:
            _finish(self._poller.poll())
        except Crash as crash:
            self.deaths += 1
            self._restart(ahead=str(crash) == "committed")
        self._doom = None

    def restart(self) -> None:
        """Start again from the ledger."""
        self._restart(ahead=False)

    def _restart(self, *, ahead: bool) -> None:
        """Start again; the ledger must hold just what was in memory, unless it is ``ahead`` of it by a commit."""
        before = (self.books.coverage, self.books.waiting, self.books.totals)
        self.store.close()
        self._open()
        after = (self.books.coverage, self.books.waiting, self.books.totals)
        assert ahead or after == before, "the ledger and the memory differ"

    def close(self) -> None:
        self.store.close()

    @property
    def coverage(self) -> Coverage | None:
        return self.books.coverage.get(KEY)

    @property
    def waiting(self) -> dict[int, cover.Waiting]:
        return self.books.waiting.get(KEY, {})

    def watermark(self) -> int:
        """The exported watermark (µs); 0 before the first page."""
        return self._poller.watermark() or 0

    def counted(self) -> dict[str, list[SeriesKey]]:
        """The series that have counted something, by model, each as often as it has counted."""
        found: dict[str, list[SeriesKey]] = {}
        for key, values in self.books.totals.items():
            if values[slots.COMPLETIONS]:
                found.setdefault(key.model, []).extend([key] * values[slots.COMPLETIONS])
        return found

    def value(self, family: Family, *labels: str) -> float:
        return self._telemetry.value(family, *KEY, *labels)

    def remembered(self) -> tuple[int, int]:
        """How many ids the ledger holds: of counted rows, and of vanished ones."""
        marks = [mark for ids in ids_held(self.store._db).values() for mark in ids.values()]
        vanished = marks.count(VANISHED)
        return len(marks) - vanished, vanished

    def publish_soon(self) -> None:
        """Show the totals to a scraper (the publisher's place)."""
        for key in self._changed:
            values = self.books.totals.get(key)
            completions = 0 if values is None else values[slots.COMPLETIONS]
            self.decreases += completions < self.shown.get(key, 0)
            self.shown[key] = completions
        self._changed.clear()
        self._edge("published")

    def ledger_fails(self, failing: bool) -> None:
        """Nothing to do (the publisher's place)."""

    def _open(self) -> None:
        self._doom = None
        self.store = Store(self._path, layout())
        self.books = Books(self.store, layout())
        self._changed = set(self.shown) | set(self.books.totals)
        self.books.on_change(self._changed.update)
        self._telemetry = Telemetry(self.books.counters)
        budget = RequestBudget(self._requests_per_minute, spent=self.store.requests(KEY.account))
        self._upstream = Upstream(
            self.listing,
            clock=self._clock,
            random=self._random,
            budget=budget,
            journal=self.store,
            meanwhile=self._meanwhile,
            edge=self._edge,
        )
        allotment = Allotment(self._requests_per_minute, {KEY: INTERVAL})
        intake = Intake(
            self._source,
            books=self.books,
            telemetry=self._telemetry,
            # As many models as there are rows: every row is a series of its own, so that none stands in for another.
            tally=Tally(
                KEY,
                layout=layout(),
                rules=RULES,
                caps=LabelCaps(2**31, 2**31, self.books.totals),
                late_after=600 * SECOND,
            ),
            paginator=paginator(self._source.paging),
            lateness=Lateness(MAX_LATENESS, 0),
            history_since=lambda now: None,
        )
        self._poller = SourcePoller(
            client=cast(Any, self._upstream),
            decoder=Decoder(self._source),
            intake=intake,
            budget=budget,
            allotment=allotment,
            active=lambda: _active(intake),
            telemetry=self._telemetry,
            publisher=cast(Any, self),
            clock=self._clock,
            server_clock=ServerClock(),
        )
        self._wrap(self.store, "_forget", before="inside")
        self._wrap(self.store, "_write_mark", before="committed")
        self._wrap(self.books, "_adopt", after="adopted")

    def _wrap(self, owner: object, name: str, *, before: str = "", after: str = "") -> None:
        plain = getattr(owner, name)

        def wrapped(*arguments: object) -> object:
            self._edge(before)
            result = plain(*arguments)
            self._edge(after)
            return result

        setattr(owner, name, wrapped)

    def _edge(self, name: str) -> None:
        if self._doom is None or self._doom.edge != name:
            return
        self._doom.passages -= 1
        if self._doom.passages == 0:
            raise self._doom.error


def _active(intake: Intake) -> Collection[SourceKey]:
    coverage = intake.coverage
    return (KEY,) if coverage is not None and coverage.sweep is not None else ()


def _finish(cycle: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing but the fake clock: without an event loop, since there are thousands."""
    with contextlib.suppress(StopIteration):
        while True:
            cycle.send(None)
