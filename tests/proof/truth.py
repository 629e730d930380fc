"""What must be true of an exporter, whatever happened: the invariants of counting exactly once."""

from __future__ import annotations

from exporter.counting import coverage as cover
from exporter.counting import layout as slots
from exporter.counting.ledger import VANISHED, RowKey, row_key
from exporter.metrics import catalog
from exporter.models import SECOND
from tests.listing import Item, Listing
from tests.proof.subject import KEY, Subject
from tests.proof.world import LATEST, NEVER, World

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
        items = {item.id: item for item in self._listing.items}
        counted = subject.counted()
        for model, series in counted.items():
            item = items[model]
            assert len(series) == 1, f"{item} was counted {len(series)} times"
            assert item.created > self._began - OPEN, f"{item} was counted, but is older than the start"
            assert series[0].status == item.status.value, f"{item} was counted as {series[0].status}"
        watermark = subject.watermark()
        for item in self._listing.items:
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
        forgotten = []
        for item in self._listing.items:
            if item.created <= coverage.origin or item.id in counted or item.finished == NEVER:
                continue
            assert not self._due(item), f"{item} was never counted"
            if item.id in self._waited_for:
                forgotten.append(item)
        assert len(forgotten) <= subject.value(catalog.VANISHED_ROWS), f"{forgotten} were waited for and then forgotten"
        items = {item.id: item for item in self._listing.items}
        for key, values in subject.books.totals.items():
            item = items[key.model]
            if values[slots.COMPLETIONS]:
                prices = {item.credits, 2 * item.credits} if item.amended is not None else {item.credits}
                assert values[slots.CREDITS] in prices, f"{item} was counted with {values[slots.CREDITS]}"

    def _waiting(self) -> list[Item]:
        """The rows still waited for, but for those that are paused for ever."""
        waiting = self._subject.waiting
        if not waiting:
            return []
        return [item for item in self._listing.items if self._key(item).hash in waiting and item.finished < NEVER]

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
        recent = sum(item.created > coverage.horizon - SECOND for item in self._listing.items)
        counted, vanished = subject.remembered()
        assert counted <= recent, f"{counted} ids are remembered of {recent} recent rows"
        pending = sum(item.finished > item.visible for item in self._listing.items)
        assert vanished + len(subject.waiting) <= pending
