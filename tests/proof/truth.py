"""What must be true of an exporter, whatever happened: the invariants of counting exactly once."""

from __future__ import annotations

from exporter.counting import coverage as cover
from exporter.counting.ledger import VANISHED, RowKey, row_key
from exporter.metrics import catalog
from exporter.models import SECOND
from exporter.store.segments import QUARTER, VANISHED_KEPT
from tests.listing import Item, Listing
from tests.proof import gaps
from tests.proof.firsts import Firsts
from tests.proof.subject import KEY, Subject
from tests.proof.world import LATEST, World

OPEN = 60 * SECOND
"""How much time (µs) may be unproven at rest, beyond what no poller can have proven yet."""


class Truth:
    """Checks a subject against a listing. Raises AssertionError."""

    def __init__(self, world: World, listing: Listing, subject: Subject) -> None:
        self.provable = True
        """Whether the server has let itself be read so far: nothing may be given up then."""
        self.candid = True
        """Whether the server has shown every row that was there so far."""
        self._began = listing.now
        self._world = world
        self._listing = listing
        self._subject = subject
        self._firsts = Firsts(listing, subject)
        self._keys: dict[str, RowKey] = {}
        self._known: set[str] = set()
        self._waited_for: set[str] = set()
        self._given_up: list[tuple[int, int]] = []
        self._proven = 0
        self._lost = 0

    def note(self) -> None:
        """Remember what the last cycle waited for, and which time it gave up."""
        waiting = self._subject.waiting
        self._waited_for.update(item.id for item in self._listing.items if self._key(item).hash in waiting)
        coverage = self._subject.coverage
        if coverage is None:
            return
        if coverage.lost > self._lost:
            self._measure(self._proven, coverage.lost_until, said=coverage.lost - self._lost)
            self._given_up.append((self._proven, coverage.lost_until))
        assert coverage.proven >= self._proven, "the frontier went back"
        self._proven, self._lost = coverage.proven, coverage.lost

    def check(self) -> None:
        """Check what holds at any time."""
        subject = self._subject
        assert subject.decreases == 0, "a scraper saw a counter go back"
        coverage = subject.coverage
        if coverage is None:
            return
        assert not (self.provable and coverage.lost), "time was given up although everything could be proven"
        self._firsts.check()
        counted = subject.counted()
        watermark = subject.watermark()
        for item in self._listing.items:
            older = item.created <= self._began - OPEN
            assert not older or item.id not in counted, f"{item} was counted, but is older than the start"
            if coverage.origin < item.created <= coverage.proven and self._due(item):
                assert item.id in counted or self._is_known(item), f"W has passed {item}, which nobody knows"
                self._known.add(item.id)
                pending = item.created <= watermark and item.id not in counted and self._waits(item)
                assert not pending, f"the watermark has passed {item}, which is still waited for"
        if self.candid:
            gone = self._waited_for & (self._world.deletions.keys() - counted.keys() | self._world.restored)
            vanished = subject.value(catalog.VANISHED_ROWS)
            assert vanished <= sum(self._world.deletions[name] for name in gone), (
                f"{vanished} rows have vanished, not {gone}"
            )
        self._bounded()

    def at_rest(self) -> bool:
        """Whether nothing is left to be done."""
        coverage = self._subject.coverage
        assert coverage is not None
        newest = max((item.created for item in self._listing.items), default=0)
        proven = coverage.proven > newest and cover.open_gap(coverage, self._listing.now) <= OPEN
        walking = coverage.sweep or coverage.search or coverage.deep or coverage.backlog_from
        return proven and not self._waiting() and not walking

    def conclude(self) -> None:
        """Check what holds once everything has come to rest: what could be counted has been."""
        subject, coverage = self._subject, self._subject.coverage
        assert coverage is not None
        assert cover.open_gap(coverage, self._listing.now) <= OPEN, "the frontier does not move on"
        assert not self._waiting(), f"still waiting for {self._waiting()}"
        counted = subject.counted()
        assert not (missing := self.missing()), f"{missing} were never counted"
        forgotten = [
            item
            for item in self._listing.items
            if item.created > coverage.origin
            and item.id in self._waited_for
            and item.id not in counted
            and not item.paused
        ]
        assert len(forgotten) <= subject.value(catalog.VANISHED_ROWS), f"{forgotten} were waited for and then forgotten"

    def due(self) -> list[Item]:
        """The rows that had to be counted, if not yet: those that could be known, but for the paused ones."""
        coverage = self._subject.coverage
        if coverage is None:
            return []
        rows = self._listing.items
        return [item for item in rows if item.created > coverage.origin and self._due(item) and not item.paused]

    def missing(self) -> list[Item]:
        """Those of them that are not counted."""
        counted = self._subject.counted()
        return [item for item in self.due() if item.id not in counted]

    def _waiting(self) -> list[Item]:
        """The rows still waited for, but for those that are paused for ever."""
        waiting = self._subject.waiting
        if not waiting:
            return []
        return [item for item in self._listing.items if self._key(item).hash in waiting and not item.paused]

    def _measure(self, low: int, top: int, *, said: int) -> None:
        """Hold how much time is said to be lost in (low, top] against the rows there that nobody knows."""
        counted = self._subject.counted()
        within = [item for item in self._listing.items if low < item.created <= top]
        known = {item.id for item in within if item.id in counted or self._is_known(item)}
        unknown = {item.created for item in within if item.id not in known and self._due(item)}
        times = sorted(item.created for item in within if item.id in known)
        least = gaps.least(unknown, times, self._listing.neighbours)
        assert said >= least, f"{said} µs are said to be lost, but of {least} nothing is known"

    def _due(self, item: Item) -> bool:
        """Whether a row could be known, and must be: listed in time, not deleted, and in no time given up."""
        return (
            item.visible <= item.created + LATEST
            and item.deleted is None
            and not any(low < item.created <= top for low, top in self._given_up)
        )

    def _is_known(self, item: Item) -> bool:
        return item.id in self._known or self._waits(item) or self._has_vanished(item)

    def _has_vanished(self, item: Item) -> bool:
        key = self._key(item)
        return self._subject.store.marks(KEY, [key]).get(key) == VANISHED

    def _waits(self, item: Item) -> bool:
        return self._key(item).hash in self._subject.waiting

    def _key(self, item: Item) -> RowKey:
        key = self._keys.get(item.id)
        if key is None:
            key = self._keys[item.id] = row_key(KEY, item.row(self._listing.now))
        return key

    def _bounded(self) -> None:
        """What is remembered is bounded by what is recent, not by what has ever been."""
        subject, coverage = self._subject, self._subject.coverage
        assert coverage is not None
        for walk in (coverage.sweep, coverage.search):
            assert walk is None or len(walk.position.anchors) <= 8
        kept_from = coverage.horizon // (QUARTER * SECOND) * QUARTER * SECOND
        recent = sum(item.created >= kept_from for item in self._listing.items)
        counted, vanished = subject.remembered()
        assert counted <= recent, f"{counted} ids are remembered of {recent} recent rows"
        pending = [item.created for item in self._listing.items if item.ever_pending]
        assert vanished + len(subject.waiting) <= len(pending)
        lowest = coverage.horizon - (VANISHED_KEPT + 1) * SECOND
        recent = sum(created > lowest for created in pending)
        assert vanished <= recent, f"{vanished} vanished rows are remembered of {recent} recent ones"
