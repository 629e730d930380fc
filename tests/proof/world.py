"""The world behind a list: rows come, finish, change and go, and each one's whole life is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

from exporter.models import SECOND, Status
from tests.clocks import FakeClock
from tests.listing import NEVER, Change, Item, Listing

LATEST = 770 * SECOND
"""The longest (µs) that a row takes to be listed, unless it comes too late on purpose: with what lies hide it for
(``machine.HIDEABLE``), and ten seconds for clocks, as late as is allowed for."""

RETURN = 6 * 86_400 * SECOND
"""How old (µs) a row may be that vanished while it was pending and comes back: a day less than is promised."""


class World:
    """Changes a listing as time passes by the clock."""

    def __init__(self, listing: Listing, clock: FakeClock, random: Random) -> None:
        self.quiet = False
        """Whether nothing happens any more between two pages of a sweep."""
        self.restless = False
        """Whether rows at the top are deleted before nearly every page."""
        self.deletions: Counter[str] = Counter()
        """How often each row was deleted."""
        self.restored: set[str] = set()
        """Rows that were deleted while they were pending, and came back."""
        self._listing = listing
        self._clock = clock
        self.random = random
        self._offset = listing.now - round(clock.monotonic() * SECOND)

    def pass_time(self, seconds: float) -> None:
        """Let time pass on both sides; the server's clock is never set."""
        self._clock.advance(seconds)
        self._listing.now = self._offset + round(self._clock.monotonic() * SECOND)

    def live(self, seconds: int, rate: float) -> None:
        """Let ``seconds`` pass with ``rate`` rows in each: some late, some tied, some pending for a while."""
        random = self.random
        for _ in range(seconds):
            self.pass_time(1)
            while random.random() < rate / (1 + rate):
                now = self._listing.now
                created = now - (random.randrange(SECOND) if random.random() < 0.5 else now % SECOND)
                created -= random.randrange(LATEST) if random.random() < 0.05 else random.randrange(5 * SECOND)
                self._add(created, pending=self._some_time())

    def meanwhile(self) -> None:
        """What happens between two requests."""
        self.pass_time(0)  # the wait for a place in the budget
        if self.quiet:
            return
        if self.restless or self.random.random() < 0.1:
            self.delete_newest(self.random.randrange(1, 10))
        if self.random.random() < 0.2:
            self.live(2, 1.0)

    def tie(self, count: int) -> None:
        """Add rows that share one creation time."""
        self.pass_time(1)
        for _ in range(count):
            self._add(self._listing.now // SECOND * SECOND, pending=self._some_time())

    def too_late(self, count: int) -> None:
        """Add rows that are listed later than any row may be."""
        for _ in range(count):
            self._add(self._listing.now - self.random.randrange(1000, 4000) * SECOND)

    def delete(self, count: int) -> None:
        """Delete any of the rows that are listed."""
        listed = self._listed()
        self._delete(self.random.sample(listed, min(count, len(listed))))

    def delete_newest(self, count: int) -> None:
        """Delete some of the newest rows, so that everything below moves up."""
        newest = sorted(self._listed(), key=lambda item: item.created)[-2 * count :]
        self._delete(self.random.sample(newest, min(count, len(newest))))

    def delete_ids(self, ids: set[str]) -> None:
        """Delete these rows."""
        self._delete([item for item in self._listed() if item.id in ids])

    def delete_pending(self, count: int) -> None:
        """Delete rows that have not finished."""
        pending = [item for item in self._listed() if item.pending(self._listing.now)]
        self._delete(self.random.sample(pending, min(count, len(pending))))

    def restore(self) -> None:
        """List again, finished, what was deleted while it was pending, if that is not long ago."""
        now = self._listing.now
        for item in self._listing.items:
            if item.deleted is None or item.paused or item.created <= now - RETURN or not item.pending(item.deleted):
                continue
            item.deleted, item.visible = None, now
            if not item.changes:
                item.finished = now + 1
            elif item.pending(now):
                item.changes[-1] = replace(item.changes[-1], at=now + 1, finished=now + 1)
            self.restored.add(item.id)

    def amend(self, count: int) -> None:
        """Let finished rows say something else from now on."""
        finished = [item for item in self._listed() if not item.pending(self._listing.now)]
        for item in self.random.sample(finished, min(count, len(finished))):
            self._change(item)

    def _change(self, item: Item) -> None:
        """It failed after all or did not, cost twice as much, wrote more tokens, or is pending again for a while."""
        now, random = self._listing.now, self.random
        said = item.says(now)
        other = Status.ERROR if said.status is Status.SUCCESS else Status.SUCCESS
        match random.randrange(4):
            case 0:
                item.changes.append(replace(said, at=now, status=other))
            case 1:
                item.changes.append(replace(said, at=now, credits=2 * said.credits))
            case 2:
                item.changes.append(replace(said, at=now, output_tokens=said.output_tokens + random.randrange(1, 500)))
            case _:
                again = now + random.randrange(60, 400) * SECOND
                item.changes.append(replace(said, at=now, status=Status.PENDING, finished=None))
                item.changes.append(Change(again, other, again, 3 * said.credits, said.output_tokens + 1))

    def pause(self) -> None:
        """Let the newest row that is pending stay so for ever."""
        now = self._listing.now
        pending = [item for item in self._listed() if item.pending(now)]
        for item in pending[-1:]:
            if item.finished > now:
                item.finished = NEVER
            item.changes = [change for change in item.changes if change.at <= now]

    def _some_time(self) -> int:
        """How many seconds a row is pending: most are not, a few for more than an hour."""
        chance = self.random.random()
        return self.random.randrange(5000 if chance < 0.05 else 400) if chance < 0.2 else 0

    def _add(self, created: int, *, pending: int = 0) -> None:
        """A row that is listed from now on; pending for so many seconds more."""
        now = self._listing.now
        name = f"row-{len(self._listing.items)}"
        status = Status.ERROR if self.random.random() < 0.1 else Status.SUCCESS
        item = Item(
            name, created, now, now + pending * SECOND, status, model=name, credits=self.random.randrange(10**9)
        )
        self._listing.items.append(item)

    def _listed(self) -> list[Item]:
        return [item for item in self._listing.items if item.shown(self._listing.now)]

    def _delete(self, items: list[Item]) -> None:
        for item in items:
            item.deleted = self._listing.now
            self.deletions[item.id] += 1
