"""The truth of the simulated platform: every item, when it is listed, and what it amounts to.

The world has no clock of its own: :meth:`World.advance` brings it to a time, and creates what has arrived until then.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from enum import IntEnum
from heapq import heappop, heappush
from operator import attrgetter

from exporter.simulator.afflictions import afflict, bad_row
from exporter.simulator.faults import Fault, Faults, Limits
from exporter.simulator.items import Item, Source
from exporter.simulator.render import good_row
from exporter.simulator.trace import Arrival, Trace
from exporter.simulator.truth import Truth
from exporter.simulator.workload import Effects, Workload

_ORDER = attrgetter("order")


class _Change(IntEnum):
    """What happens to a list; of two changes at one time the first is made first."""

    APPEARS = 0
    DISAPPEARS = 1


class World:
    """All items of the three lists from ``start`` on (microseconds), deterministic by the workload's seed.

    ``rate`` items are made of each arrival on the average. At most about ``keep`` items are held; the oldest settled
    ones leave their list and stay in the truth as sums.
    """

    def __init__(
        self,
        trace: Trace,
        workload: Workload,
        faults: Faults,
        *,
        start: int,
        speed: float = 1.0,
        rate: float = 1.0,
        limits: Limits | None = None,
        keep: int = 200_000,
    ) -> None:
        self.now = start
        self.effects = Effects()
        self._workload = workload
        self._faults = faults
        self._limits = limits or Limits()
        self._rate = rate
        self._keep = keep
        self._arrivals = trace.replay(start, speed)
        self._next = next(self._arrivals)
        self._shift = 0
        self._frozen_at: int | None = None
        self._sequence = 0
        self._items: deque[Item] = deque()
        self._rows: dict[Source, list[Item]] = {source: [] for source in Source}
        self._listed: dict[str, Item] = {}
        self._changes: list[tuple[int, _Change, int, Item]] = []
        self._forgotten = Truth()
        self._forgotten_until: int | None = None

    @property
    def frozen(self) -> bool:
        """Whether no new items are created."""
        return self._frozen_at is not None

    @property
    def born(self) -> int:
        """How many items have been created, bad rows included."""
        return self._sequence

    @property
    def unsettled(self) -> int:
        """How many items are yet to be listed, or to get a terminal status."""
        return sum(item.settled_at > self.now and not item.is_garbage and not self._gone(item) for item in self._items)

    def rows(self, source: Source) -> Sequence[Item]:
        """Return what ``source`` lists now, oldest first. Valid until the world changes."""
        return self._rows[source]

    def find(self, item_id: str) -> Item | None:
        """Return a listed item by its id."""
        return self._listed.get(item_id)

    def index(self, item: Item) -> int:
        """Return the place of a listed ``item`` in :meth:`rows`."""
        return bisect_left(self._rows[item.source], item.order, key=_ORDER)

    def advance(self, now: int) -> None:
        """Bring the world to ``now`` (microseconds); a clock that steps back is waited for."""
        if now <= self.now:
            return
        while self._frozen_at is None and (at := self._next.at + self._shift) <= now:
            self._create(self._next, at)
            self._next = next(self._arrivals)
        while self._changes and self._changes[0][0] <= now:
            _, change, _, item = heappop(self._changes)
            if change is _Change.APPEARS:
                self._show(item)
            else:
                self._hide(item)
        self.now = now
        if len(self._items) > self._keep * 1.05:
            self._forget()

    def freeze(self) -> None:
        """Create no more items; those there are still finish, appear and disappear."""
        if self._frozen_at is None:
            self._frozen_at = self.now

    def thaw(self) -> None:
        """Go on with the arrival at which :meth:`freeze` stopped."""
        if self._frozen_at is not None:
            self._shift += self.now - self._frozen_at
            self._frozen_at = None

    def delete(self, item_id: str) -> None:
        """Remove a listed item now. Raises KeyError for an id that isn't listed."""
        item = self._listed[item_id]
        item.deleted = self.now
        self._hide(item)

    def amend(self, item_id: str, credits: int) -> None:
        """Change the micro-credits that a settled item shows. Raises KeyError for an id that isn't listed."""
        item = self._listed[item_id]
        item.amended, item.amended_credits = self.now, credits

    def truth(self, until: int | None = None, since: int | None = None) -> Truth:
        """Return the totals of what was created after ``since`` and settled by ``until`` (now), in microseconds.

        Raises ValueError if items that would have to be looked at one by one are forgotten.
        """
        until = self.now if until is None else until
        forgotten = self._forgotten_until
        if forgotten is not None and (until if since is None else since) < forgotten:
            raise ValueError(f"items up to {forgotten} are kept as sums only: ask for a later time")
        if since is None:
            truth = self._forgotten.copy()
            truth.extend(self._items, until)
        else:
            truth = Truth()
            truth.extend((item for item in self._items if item.created > since), until)
        return truth

    def _gone(self, item: Item) -> bool:
        return item.deleted is not None and item.deleted <= self.now

    def _create(self, arrival: Arrival, at: int) -> None:
        random = self._workload.stream(arrival.number)
        # Rounding by chance: a rate of 2.3 makes two items, and three of them in 30% of all cases.
        for _ in range(int(self._rate + random.random())):
            item = self._workload.item(arrival.request, at, self._number(), self.effects, random)
            afflict(item, self._faults, self._limits, random)
            self._add(item)
            if self._faults.hit(Fault.BAD_ROW, random):
                self._add(bad_row(item, good_row, self._number(), random))

    def _number(self) -> int:
        self._sequence += 1
        return self._sequence

    def _add(self, item: Item) -> None:
        self._items.append(item)
        heappush(self._changes, (item.visible, _Change.APPEARS, item.sequence, item))
        if item.deleted is not None:
            heappush(self._changes, (item.deleted, _Change.DISAPPEARS, item.sequence, item))

    def _show(self, item: Item) -> None:
        insort(self._rows[item.source], item, key=_ORDER)
        self._listed[item.id] = item

    def _hide(self, item: Item) -> None:
        if self._listed.pop(item.id, None) is not None:
            del self._rows[item.source][self.index(item)]

    def _forget(self) -> None:
        """Drop the oldest items down to ``keep``, as far as they have settled, and hold on to their sums."""
        dropped = set()
        while len(self._items) > self._keep and self._items[0].settled_at <= self.now:
            item = self._items.popleft()
            self._forgotten.add(item, self.now)
            self._forgotten_until = max(self._forgotten_until or 0, item.settled_at)
            self._listed.pop(item.id, None)
            dropped.add(item.sequence)
        for source, rows in self._rows.items():
            self._rows[source] = [item for item in rows if item.sequence not in dropped]
