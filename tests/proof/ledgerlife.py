"""A life of a ledger in which everything happens that a ledger is for, over a list in which every row can be told.

Each row has a model and a skill of its own, hence series of its own: a row lost and another doubled do not cancel out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from msgspec.structs import replace

from exporter.counting import layout as slots
from exporter.daemon import layout
from exporter.metrics import catalog
from exporter.models import SECOND, Completion, FailureReason, Paging, PollError, Position, SeriesKey
from exporter.store import LedgerCorrupt, LedgerError, Store
from exporter.store.problems import explained
from tests.harness import KEY, Exporter
from tests.listing import Item, Listing

MODELS = 40
"""Fewer than the most that are told apart."""

Step = Callable[[], None]


def memory() -> str | None:
    """A folder in memory where there is one: a life is ended a hundred times before a disk has synced it once."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


class Told(Item):
    """A row with series of its own."""

    def row(self, now: int) -> Completion:
        number = int(self.id)
        return replace(Item.row(self, now), model=f"m{number % MODELS}", skill=f"s{number // MODELS}")


@dataclass
class Verdict:
    """What came of a life: numbers of rows, and what is wrong in words."""

    rows: int = 0
    lost: int = 0
    doubled: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.problems)


class Patient(Exporter):
    """Tries again where the ledger cannot be opened; a second failure in a row is one too many."""

    tries = 2

    def __init__(self, path: Path, listing: Listing, refused: Callable[[LedgerError], None]) -> None:
        self._refused = refused
        self._first_asked: int | None = None
        super().__init__(path, listing, page_size=5, max_lateness=60, least_capacity=5)

    def open(self) -> None:
        for _ in range(self.tries):
            try:
                super().open()
                return
            except LedgerError as error:
                self._refused(error)
                if hasattr(self, "store"):
                    self.store.close()
        raise AssertionError("the ledger does not open, although nothing fails any more")

    def head(self) -> None:
        """Ask as the poller does: should the first page not be taken, counting begins when it was first asked for."""
        if self._first_asked is None:
            self._first_asked = self.listing.now
        tried_for = self.listing.now - self._first_asked
        walk = self.intake.head(self.ask(Position(), self._page_size), tried_for=tried_for)
        if walk is not None:
            self.intake.break_off(walk)


class Life:
    """The life of a ledger in ``folder``; whatever fails, it goes on with its next step."""

    def __init__(self, folder: Path, *, rounds: int = 7, per_round: int = 6) -> None:
        self.path = folder / "ledger" / "ledger.db"
        self.verdict = Verdict()
        self.rounds = rounds
        self.per_round = per_round
        self.listing = Listing(Paging.OFFSET, Random(7))
        self.exporter: Patient | None = None
        self.published: dict[SeriesKey, list[int]] = {}
        self.released: dict[SeriesKey, int] = {}
        self.requested: list[int] = []
        self.failures = 0
        """Steps that failed."""

    def steps(self) -> Iterator[Step]:
        """Everything that is done to the ledger, in order."""
        yield self._start
        for number in range(self.rounds):
            yield lambda number=number: self._appear(number)  # type: ignore[misc]
            yield self._request
            yield self._poll
            yield self._release
            yield self._save
            if number in (2, 5):
                yield self._restart
        for _ in range(8):
            yield self._later
            yield self._poll
        yield self._restart
        yield self._poll

    def live(self, after: Callable[[], None] = lambda: None) -> None:
        """Do every step; ``after`` each, do that."""
        for step in self.steps():
            try:
                step()
            except PollError as error:
                self.failures += 1
                self._failed(error)
            self._never_back()
            after()
        self._running.close()

    def note(self, problem: str) -> None:
        self.verdict.problems.append(problem)

    def judge(self) -> Verdict:
        """Compare what is in the file with the truth, at the end of the life. Nothing may fail any more."""
        store = Store(self.path, layout())
        contents = store.load()
        requests = store.requests("a")
        store.close()
        counted: Counter[int] = Counter()
        credits: Counter[int] = Counter()
        for key, values in contents.totals.items():
            number = int(key.model[1:]) + MODELS * int(key.skill[1:])
            counted[number] += values[slots.COMPLETIONS]
            credits[number] += values[slots.CREDITS]
        wanted = {int(item.id): item for item in self.listing.items if item.deleted is None}
        self.verdict.rows += len(wanted)
        self.verdict.lost += sum(counted[number] < 1 for number in wanted)
        self.verdict.doubled += sum(number not in wanted or count > 1 for number, count in counted.items() if count)
        if any(credits[number] != item.credits for number, item in wanted.items()):
            self.note("credits are not those of the rows")
        if contents.totals != self._running.books.totals:
            self.note("the totals are others after a restart")
        rows = contents.counters.get((catalog.ROWS.name, (*KEY, "counted")), 0)
        if rows != len(wanted):
            self.note(f"the exporter says it counted {rows} rows, not {len(wanted)}")
        if store.rolled_back:
            self.note("taken for a ledger that was rolled back")
        if not set(self.requested[-2:]) <= set(requests):
            self.note("a recorded request is forgotten")
        if any(contents.released.get(key, 0) & mask != mask for key, mask in self.released.items()):
            self.note("a released series is no longer")
        return self.verdict

    # Steps

    def _start(self) -> None:
        if self.exporter is None:  # else the power failed in its first cycle, and it is there again
            self.exporter = Patient(self.path, self.listing, self._refused)
        self.exporter.cycle()

    def _appear(self, number: int) -> None:
        """Rows appear; one takes its time, and one never finishes, but is deleted."""
        for place in range(self.per_round):
            self.listing.now += SECOND
            serial = number * self.per_round + place
            now = self.listing.now
            finished = now + (90 * SECOND if place == 1 else 0)
            item = Told(str(serial), now, now, finished, credits=(serial + 1) * 1000)
            if place == 2 and number % 3 == 0:
                item.finished, item.deleted = now + 10**6 * SECOND, now + 45 * SECOND
            self.listing.items.append(item)
        self.listing.now += 30 * SECOND

    def _later(self) -> None:
        self.listing.now += 60 * SECOND

    def _poll(self) -> None:
        self._running.cycle()

    def _request(self) -> None:
        at = self.listing.now
        self._running.store.record_request("a", at)
        self.requested.append(at)

    def _save(self) -> None:
        self._running.intake.save_counters()

    def _release(self) -> None:
        masks = {key: 1 for key, values in self._running.books.totals.items() if values[0] and key not in self.released}
        self._running.store.release(masks)
        self.released |= masks

    def _restart(self) -> None:
        self._running.kill()

    @property
    def _running(self) -> Patient:
        assert self.exporter is not None
        return self.exporter

    # What must hold

    def _refused(self, error: LedgerError) -> None:
        self.failures += 1
        if isinstance(error, LedgerCorrupt):
            self.note(f"called damaged: {error}")
        if "\n" in str(error) or str(self.path) not in str(error) or len(str(error)) < len(str(self.path)) + 20:
            self.note(f"no useful message: {error!r}")

    def _failed(self, error: PollError) -> None:
        if error.reason is not FailureReason.LEDGER:
            self.note(f"another failure: {error.reason} {error}")
        self.agree()

    def agree(self) -> None:
        """Memory holds what the file holds."""
        books = self._running.books
        with explained(self.path):
            contents = self._running.store.load()
        for name in ("coverage", "totals", "offenders"):
            if getattr(contents, name) != getattr(books, name):
                self.note(f"{name} in memory and in the file disagree")
        for name in ("waiting", "spend"):
            memory = {key: value for key, value in getattr(books, name).items() if value}
            if {key: value for key, value in getattr(contents, name).items() if value} != memory:
                self.note(f"{name} in memory and in the file disagree")

    def _never_back(self) -> None:
        if self.exporter is None:
            return
        totals = self.exporter.books.totals
        for key, values in self.published.items():
            now = totals.get(key)
            if now != values and (now is None or any(new < old for old, new in zip(values, now, strict=True))):
                self.note(f"{key} went back")
        self.published = {key: list(values) for key, values in totals.items()}
