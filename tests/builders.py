"""Short ways to say what a test of the pure core is about: a row, a page, a list, a walk down it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from msgspec.structs import replace

from exporter.api.pages import OffsetPaginator
from exporter.counting import walk as walks
from exporter.counting.layout import Layout
from exporter.counting.walk import Step, Walk
from exporter.models import Completion, Page, Paginator, Position, Reject, RejectReason, Status


@dataclass(frozen=True)
class Poison:
    """A row that cannot be counted; its creation time may still be readable."""

    created: int | None = None


Entry: TypeAlias = "int | Completion | Poison"
"""One row on the wire; a bare number is a successful row created then."""


def row(created: int, id: str = "", *, status: Status = Status.SUCCESS, **values: Any) -> Completion:
    """A row created at ``created`` µs; its id names that time unless one is given."""
    return Completion(id=id or f"r{created}", created=created, status=status, **values)


def page(*entries: Entry, observed: int = 0, has_more: bool | None = None) -> Page:
    """The response that shows ``entries`` in this order."""
    rows: list[Completion] = []
    rejects: list[Reject] = []
    for index, entry in enumerate(entries):
        if isinstance(entry, Poison):
            rejects.append(Reject(index, RejectReason.BAD_VALUE, b"poison", created=entry.created))
        else:
            rows.append(row(entry) if isinstance(entry, int) else entry)
    return Page(tuple(rows), len(entries), observed, tuple(rejects), has_more)


def newest_first(stamps: Iterable[int]) -> list[Completion]:
    """Rows with these creation times and distinct ids, as a list shows them."""
    ordered = sorted(stamps, reverse=True)
    return [row(stamp, f"r{place}") for place, stamp in enumerate(ordered)]


@dataclass
class Shelf:
    """A list on a server: shows at most ``cut(limit)`` rows of those asked for."""

    entries: Sequence[Entry]
    cut: Callable[[int], int] = field(default=lambda limit: limit)
    observed: int = 0

    def get(self, params: dict[str, str | int]) -> Page | None:
        """Answer a paginator's request; None if the row to ask after is unknown."""
        start = int(params.get("skip", 0))
        if "after" in params:
            ids = [entry.id if isinstance(entry, Completion) else None for entry in self.entries]
            if params["after"] not in ids:
                return None
            start = ids.index(str(params["after"])) + 1
        return page(*self.entries[start : start + self.cut(int(params["limit"]))], observed=self.observed)


@dataclass(frozen=True)
class Descent:
    """How a walk ended, and what it was shown."""

    step: Step
    walk: Walk
    shown: frozenset[str]


def descend(
    walk: Walk, get: Callable[[dict[str, str | int]], Page | None], paginator: Paginator, most: int = 5_000
) -> Descent:
    """Walk until it ends. Fails if that takes more than ``most`` pages."""
    shown: set[str] = set()
    for _ in range(most):
        answer = get(paginator.params(walk.position, walk.limit))
        outcome = walks.miss(walk, paginator) if answer is None else walks.take(walk, answer, paginator)
        walk = outcome.walk
        if answer is not None:
            shown.update(each.id for each in answer.rows)
        if outcome.step is not Step.ON:
            return Descent(outcome.step, walk, frozenset(shown))
    raise AssertionError(f"the walk has not ended after {most} pages")


def under_way(
    *,
    lo: int = 50,
    edge: int = 50,
    floor: int = 0,
    limit: int = 4,
    base_limit: int = 4,
    ceiling: int = walks.TOP,
    position: Position | None = None,
    least: int = 3,
    patience: int = walks.PATIENCE,
    retreats: int = 0,
    stalls: int = 0,
    leapt: int = 0,
    unproven: int = 0,
    disordered: int = 0,
) -> Walk:
    """A walk that has come down to ``lo``, where it met its oldest row, in pages of four."""
    return Walk(
        started=1_000,
        floor=floor,
        ceiling=ceiling,
        lo=lo,
        edge=edge,
        limit=limit,
        base_limit=base_limit,
        position=Position(skip=40) if position is None else position,
        least=least,
        patience=patience,
        retreats=retreats,
        stalls=stalls,
        leapt=leapt,
        unproven=unproven,
        disordered=disordered,
    )


def taken(walk: Walk, shown: Page, paginator: Paginator | None = None) -> walks.Outcome:
    """What `take` makes of the page, without the page's fingerprint, which says nothing to a reader."""
    outcome = walks.take(walk, shown, paginator or OffsetPaginator())
    return replace(outcome, walk=replace(outcome.walk, fingerprint=0))


LAYOUT = Layout.of(duration=(10, 20), time_to_first_token=(5,), output_length=(100, 200, 300), cost=(1_000, 2_000))
"""Few buckets, round bounds."""
