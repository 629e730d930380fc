"""A list as the API serves it, in memory and under control: the truth that counting is held against."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from random import Random

from exporter.models import SECOND, Completion, FailureReason, Page, Paging, PollError, Status


@dataclass(slots=True)
class Item:
    """One row over its whole life. Times in µs."""

    id: str
    created: int
    visible: int
    finished: int
    status: Status = Status.SUCCESS
    deleted: int | None = None
    credits: int = 1_000_000
    output_tokens: int = 10
    model: str = "m"
    amended: int | None = None
    """From then on it says that it cost twice as much."""

    def shown(self, now: int) -> bool:
        return self.visible <= now and (self.deleted is None or now < self.deleted)

    def row(self, now: int) -> Completion:
        done = now >= self.finished
        return Completion(
            id=self.id,
            created=self.created,
            status=self.status if done else Status.PENDING,
            model=self.model,
            skill="s",
            finished=self.finished if done else None,
            input_tokens=5,
            output_tokens=self.output_tokens,
            credits=self.credits * (1 if self.amended is None or now < self.amended else 2),
            duration=self.finished - self.created,
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
    requests: int = 0

    def heal(self) -> None:
        """Switch every fault off."""
        for each in fields(self):
            if each.name not in ("paging", "random", "items", "now", "requests"):
                setattr(self, each.name, each.default)

    def shown(self) -> list[Item]:
        time = self.now if self.as_of is None else self.as_of
        visible = [item for item in self.items if item.shown(time)]
        tie = (lambda item: self.random.random()) if self.shuffle_ties else (lambda item: item.id)

        def place(item: Item) -> int:
            return item.finished if self.by_change and item.finished <= time else item.created

        visible.sort(key=lambda item: (place(item), tie(item)), reverse=not self.ascending)
        return visible

    def get(self, params: dict[str, str | int]) -> Page:
        """Answer a request made by one of the paginators."""
        self.requests += 1
        if self.frozen is not None:
            return self.frozen
        time = self.now if self.as_of is None else self.as_of
        listed = [item for item in self.shown() if not self._omits(item)]
        if int(params["limit"]) > self.refuse_above:
            raise PollError(FailureReason.CLIENT_ERROR, "limit is too large", status=422)
        limit = min(int(params["limit"]), self.clamp)
        start = int(params.get("skip", 0))
        if self.max_skip is not None and start > self.max_skip:
            raise PollError(FailureReason.CLIENT_ERROR, "skip is too large", status=400)
        after = params.get("after")
        if after is not None and not self.ignore_cursor:
            ids = [item.id for item in listed]
            if after not in ids or self.random.random() < self.forget_anchors:
                if self.random.random() < 0.5:
                    raise PollError(FailureReason.CLIENT_ERROR, "no such completion", status=404)
                return Page(rows=(), size=0, observed=self.now, has_more=False)
            start = ids.index(str(after)) + 1
            if self.cursor_by_time:
                while start < len(listed) and listed[start].created == listed[start - 1].created:
                    start += 1
        chosen = listed[start : start + limit]
        self._disturb(chosen)
        rows = tuple(item.row(time) for item in chosen)
        more = start + limit < len(listed)
        has_more = None if self.paging is Paging.OFFSET else (more if self.has_more_lie is None else self.has_more_lie)
        return Page(rows=rows, size=len(rows), observed=self.now, has_more=has_more)

    def _omits(self, item: Item) -> bool:
        young = item.created > self.now - self.omit_younger
        return young and self.omit > 0 and self.random.random() < self.omit

    def _disturb(self, chosen: list[Item]) -> None:
        if self.swap and len(chosen) > 1 and self.random.random() < self.swap:
            one, other = self.random.sample(range(len(chosen)), 2)
            chosen[one], chosen[other] = chosen[other], chosen[one]
        if self.repeat and chosen and self.random.random() < self.repeat:
            place = self.random.randrange(len(chosen))
            chosen.insert(place, chosen[place])
