"""The two kinds of list, cut into pages, and the faults that strike a page."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from random import Random

from exporter.models import SECOND
from exporter.simulator.faults import Fault, Faults, Limits
from exporter.simulator.items import Item, Source
from exporter.simulator.render import matches
from exporter.simulator.world import World

_ORDER = attrgetter("order")


class UnknownAnchor(Exception):
    """The row that ``after`` names isn't there."""


class SkipTooLarge(Exception):
    """``skip`` exceeds what the server is willing to skip."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one request is answered with, in the order of the answer."""

    items: list[Item]
    has_more: bool


@dataclass(frozen=True, slots=True)
class CursorQuery:
    """The parameters of the chat completions list."""

    after: str | None
    limit: int
    newest_first: bool
    model: str | None
    metadata: dict[str, str]


class Lister:
    """Answers list queries from a world, as faultily as ``faults`` says."""

    def __init__(self, world: World, faults: Faults, limits: Limits, random: Random) -> None:
        self._world = world
        self._faults = faults
        self._limits = limits
        self._random = random

    def by_cursor(self, query: CursorQuery) -> Page:
        """Return a page of the completions list. Raises UnknownAnchor."""
        rows = self._world.rows(Source.COMPLETIONS)
        if query.model is not None or query.metadata:
            rows = [item for item in rows if matches(item, query.model, query.metadata)]
        newest_first = query.newest_first != self._hit(Fault.ORDER_IGNORED)
        view = _View(rows, newest_first)
        after = None if self._hit(Fault.CURSOR_IGNORED) else query.after
        if after is None:
            return self._page(view, 0, None, query.limit)
        if self._hit(Fault.ANCHOR_EMPTY):
            return Page([], has_more=False)
        anchor = self._world.find(after)
        if anchor is None or anchor.source is not Source.COMPLETIONS or self._hit(Fault.ANCHOR_GONE):
            raise UnknownAnchor(after)
        return self._page(view, view.after(anchor), anchor, query.limit)

    def by_offset(self, source: Source, skip: int, limit: int) -> Page:
        """Return a page of the executions or requests list. Raises SkipTooLarge."""
        if skip > self._limits.skip_cap and self._hit(Fault.SKIP_CAPPED):
            raise SkipTooLarge(f"skip must not exceed {self._limits.skip_cap}")
        newest_first = not self._hit(Fault.ORDER_IGNORED)
        return self._page(_View(self._world.rows(source), newest_first), skip, None, limit)

    def _page(self, view: _View, start: int, anchor: Item | None, limit: int) -> Page:
        if self._hit(Fault.LIMIT_CLAMPED):
            limit = min(limit, self._limits.clamp_rows)
        if self._hit(Fault.SHUFFLED_TIES):
            items, end = self._shuffled(view, start, anchor, limit)
        else:
            items, end = view.cut(start, start + limit), start + limit
        has_more = (end < len(view)) != self._hit(Fault.HAS_MORE_LIES)
        items = [item for item in items if not self._omits(item)]
        if len(items) > 1 and self._hit(Fault.DISORDERED):
            first, second = self._random.sample(range(len(items)), 2)
            items[first], items[second] = items[second], items[first]
        return Page(items, has_more)

    def _shuffled(self, view: _View, start: int, anchor: Item | None, limit: int) -> tuple[list[Item], int]:
        """Cut a page from the list with every group of ties in a new order; return it and where it ended."""
        # The anchor may come last of its ties this time, and the page begin after them all.
        low, latest = view.whole_ties(start - (anchor is not None), start)
        _, high = view.whole_ties(latest, latest + limit)
        salted = [(item, self._random.random()) for item in view.cut(low, high)]
        salted.sort(key=lambda pair: (-pair[0].created if view.newest_first else pair[0].created, pair[1]))
        items = [item for item, _ in salted]
        begin = items.index(anchor) + 1 if anchor in items else start - low
        return items[begin : begin + limit], low + begin + limit

    def _omits(self, item: Item) -> bool:
        age = self._world.now - item.visible
        return age < self._limits.omitted_seconds * SECOND and self._hit(Fault.ROWS_OMITTED)

    def _hit(self, fault: Fault) -> bool:
        return self._faults.hit(fault, self._random)


class _View:
    """Rows that are kept oldest first, read in either direction."""

    def __init__(self, rows: Sequence[Item], newest_first: bool) -> None:
        self._rows = rows
        self.newest_first = newest_first

    def __len__(self) -> int:
        return len(self._rows)

    def cut(self, start: int, end: int) -> list[Item]:
        """Return the rows at ``start`` <= place < ``end``, as far as there are any."""
        if not self.newest_first:
            return list(self._rows[start:end])
        size = len(self._rows)
        return list(self._rows[max(0, size - end) : max(0, size - start)][::-1])

    def after(self, anchor: Item) -> int:
        """Return the place of the first row after ``anchor``, which need not pass the list's filter itself."""
        if self.newest_first:
            return len(self._rows) - bisect_left(self._rows, anchor.order, key=_ORDER)
        return bisect_right(self._rows, anchor.order, key=_ORDER)

    def whole_ties(self, start: int, end: int) -> tuple[int, int]:
        """Widen an interval of places until it cuts no group of rows of one creation time."""
        start, end = max(0, min(start, len(self))), min(end, len(self))
        while 0 < start < len(self) and self._created(start - 1) == self._created(start):
            start -= 1
        while 0 < end < len(self) and self._created(end - 1) == self._created(end):
            end += 1
        return start, end

    def _created(self, place: int) -> int:
        return self._rows[len(self._rows) - 1 - place if self.newest_first else place].created
