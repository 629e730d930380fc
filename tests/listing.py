"""A list as the API serves it, in memory and under control: the truth that counting is held against."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from itertools import pairwise
from random import Random

from exporter.models import SECOND, Completion, FailureReason, Page, Paging, PollError, Status

NEVER = 2**62
"""When a paused row finishes."""

LASTING = ("paging", "random", "items", "now", "requests", "struck", "neighbours")
"""What is no fault."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a row says from ``at`` (µs) on, until its next change. Pending rows have no ``finished``."""

    at: int
    status: Status
    finished: int | None
    credits: int
    output_tokens: int


@dataclass(slots=True)
class Item:
    """One row over its whole life. Times in µs."""

    id: str
    created: int
    visible: int
    finished: int
    """When it ends for the first time; until then it is pending."""
    status: Status = Status.SUCCESS
    deleted: int | None = None
    credits: int = 1_000_000
    output_tokens: int = 10
    model: str = "m"
    changes: list[Change] = field(default_factory=list)
    """What it says after it has ended, in the order of time: something else, or that it is pending again."""

    def shown(self, now: int) -> bool:
        return self.visible <= now and (self.deleted is None or now < self.deleted)

    def versions(self, now: int) -> list[Change]:
        """What it has said by ``now``, the latest last, since it first ended."""
        first = Change(self.finished, self.status, self.finished, self.credits, self.output_tokens)
        return [change for change in (first, *self.changes) if change.at <= now]

    def says(self, now: int) -> Change:
        """What it says at ``now``."""
        versions = self.versions(now)
        return (
            versions[-1] if versions else Change(self.visible, Status.PENDING, None, self.credits, self.output_tokens)
        )

    def pending(self, now: int) -> bool:
        return self.says(now).status is Status.PENDING

    @property
    def paused(self) -> bool:
        """Whether it is pending for ever, in the end."""
        return self.pending(NEVER - 1)

    @property
    def ever_pending(self) -> bool:
        """Whether there is a time at which it is listed as pending."""
        return self.finished > self.visible or any(change.status is Status.PENDING for change in self.changes)

    def row(self, now: int) -> Completion:
        said = self.says(now)
        return Completion(
            id=self.id,
            created=self.created,
            status=said.status,
            model=self.model,
            skill="s",
            finished=said.finished,
            input_tokens=5,
            output_tokens=said.output_tokens,
            credits=said.credits,
            duration=None if said.finished is None else said.finished - self.created,
        )


@dataclass(slots=True)
class Listing:
    """Serves ``items`` newest first, with whatever faults are switched on."""

    paging: Paging
    random: Random
    items: list[Item] = field(default_factory=list)
    now: int = 1_700_000_000 * SECOND
    clamp: int = 1000
    refuse_above: int = 1000
    shuffle_ties: bool = False
    ignore_cursor: bool = False
    cursor_by_time: bool = False
    """``after`` a row means older than it: rows that share its time are passed over."""
    forget_anchors: float = 0.0
    max_skip: int | None = None
    ascending: bool = False
    by_change: bool = False
    """The row that has changed last comes first: one that took long stands above younger ones."""
    frozen: Page | None = None
    has_more_lie: bool | None = None
    omit: float = 0.0
    omit_younger: int = 2**62
    """Only rows younger than so many µs are left out."""
    swap: float = 0.0
    """How often two rows of a page change places."""
    repeat: float = 0.0
    """How often a page shows one of its rows twice."""
    as_of: int | None = None
    """The server shows the list as it was then (µs)."""
    longest_behind: int = 2**62
    """It shows it as of at most so many µs ago: from then on it follows."""
    requests: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    """The answers that a fault has made another, by fault; whoever stands before the list counts its own here too."""
    neighbours: set[tuple[int, int]] = field(default_factory=set)
    """Creation times that followed on each other on a page: it shows that there is nothing between them."""

    def heal(self) -> None:
        """Switch every fault off."""
        for each in fields(self):
            if each.name not in LASTING:
                setattr(self, each.name, each.default)

    def shown(self) -> list[Item]:
        """The rows that are listed, in the order of the list."""
        time = self._time()
        visible = [item for item in self.items if item.shown(time)]
        tie = (lambda item: self.random.random()) if self.shuffle_ties else (lambda item: item.id)

        def place(item: Item) -> int:
            versions = item.versions(time) if self.by_change else ()
            return versions[-1].at if versions else item.created

        visible.sort(key=lambda item: (place(item), tie(item)), reverse=not self.ascending)
        return visible

    def get(self, params: dict[str, str | int]) -> Page:
        """Answer a request made by one of the paginators."""
        self.requests += 1
        if self.frozen is not None:
            self.struck["frozen"] += 1
            return self.frozen
        shown = self.shown()
        listed = [item for item in shown if not self._omits(item)]
        asked = int(params["limit"])
        if asked > self.refuse_above:
            self._refuse("limit is too large", status=422)
        limit = min(asked, self.clamp)
        start = self._start(listed, params)
        if start is None:
            return Page(rows=(), size=0, observed=self.now, has_more=False)
        chosen = listed[start : start + limit]
        more = start + limit < len(listed)
        self.struck["clamped"] += more and limit < asked
        if len(listed) < len(shown):
            place = shown.index(listed[start - 1]) + 1 if start and "after" in params else start
            self.struck["left out"] += chosen != shown[place : place + limit]
        self._compare(chosen, start, limit)
        self.neighbours.update((one.created, next_.created) for one, next_ in pairwise(chosen))
        self._disturb(chosen)
        rows = tuple(item.row(self._time()) for item in chosen)
        has_more = None if self.paging is Paging.OFFSET else more
        if has_more is not None and self.has_more_lie is not None:
            self.struck["has_more lied"] += self.has_more_lie != has_more
            has_more = self.has_more_lie
        return Page(rows=rows, size=len(rows), observed=self.now, has_more=has_more)

    def _start(self, listed: list[Item], params: dict[str, str | int]) -> int | None:
        """The place of the first row to show; None if the row to show others after is not found. Raises PollError."""
        skip, after = int(params.get("skip", 0)), params.get("after")
        if self.max_skip is not None and skip > self.max_skip:
            self._refuse("skip is too large", status=400)
        if after is None:
            return skip
        if self.ignore_cursor:
            self.struck["cursor ignored"] += 1
            return 0
        ids = [item.id for item in listed]
        if after not in ids or self.random.random() < self.forget_anchors:
            self.struck["anchor forgotten"] += after in ids
            if self.random.random() < 0.5:
                raise PollError(FailureReason.CLIENT_ERROR, "no such completion", status=404)
            return None
        start = begun = ids.index(str(after)) + 1
        while self.cursor_by_time and start < len(listed) and listed[start].created == listed[start - 1].created:
            start += 1
        self.struck["ties passed over"] += start > begun
        return start

    def _time(self) -> int:
        """As of when (µs) the list is shown."""
        return self.now if self.as_of is None else max(self.as_of, self.now - self.longest_behind)

    def _omits(self, item: Item) -> bool:
        young = item.created > self.now - self.omit_younger
        return young and self.omit > 0 and self.random.random() < self.omit

    def _refuse(self, why: str, *, status: int) -> None:
        self.struck["refused"] += 1
        raise PollError(FailureReason.CLIENT_ERROR, why, status=status)

    def _compare(self, chosen: list[Item], start: int, limit: int) -> None:
        """Note whether these rows are others than a list in order, and one of now, shows at their place."""
        if not (self.ascending or self.by_change or self.shuffle_ties or self.as_of is not None):
            return
        fault = "out of order" if self.as_of is None else "as of then"
        now = [item for item in self.items if item.shown(self.now)]
        now.sort(key=lambda item: (item.created, item.id), reverse=True)
        then = [(item.id, item.says(self._time())) for item in chosen]
        self.struck[fault] += then != [(item.id, item.says(self.now)) for item in now[start : start + limit]]

    def _disturb(self, chosen: list[Item]) -> None:
        if self.swap and len(chosen) > 1 and self.random.random() < self.swap:
            one, other = self.random.sample(range(len(chosen)), 2)
            chosen[one], chosen[other] = chosen[other], chosen[one]
            self.struck["swapped"] += 1
        if self.repeat and chosen and self.random.random() < self.repeat:
            place = self.random.randrange(len(chosen))
            chosen.insert(place, chosen[place])
            self.struck["repeated"] += 1
