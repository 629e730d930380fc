"""Whether the rows of a long list were counted, each once, and as late where they belong: by sums that tell rows apart.

Each row has an output token count and credits of its own, so that a lost row and a doubled one, or a row wrongly late
and one wrongly in time, do not make up for each other as they would in numbers of rows.

By the time of the answer in which a row was shown first it is late, or in time, or within `TOLERANCE` of the limit. Of
the last, either label is right, but within one answer an older row is late if a younger one is: so there are few ways
to label them, and the late series must have the sums of one of these ways exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import prod
from typing import NamedTuple

from exporter.counting import layout as slots
from exporter.models import MICRO, SECOND
from tests.proof.figures import Figures
from tests.proof.timelapse import Timelapse
from tests.proof.timelapse_api import Arrivals

TOLERANCE = 3.0
"""Seconds by which an exporter may misjudge an age: ``created`` and ``Date`` are in whole seconds, the answer takes a
part of one, and of the last few answers the one whose clock is furthest behind is believed."""

EDGE, WAYS = 200, 10_000
"""Rows that may be within the tolerance, and ways to label them, at most: with more the check would say little."""


class Sums(NamedTuple):
    """Of some rows."""

    rows: int = 0
    tokens: int = 0
    credits: int = 0

    def plus(self, other: Sums) -> Sums:
        return Sums(self.rows + other.rows, self.tokens + other.tokens, self.credits + other.credits)


@dataclass(slots=True)
class Count:
    """What was to be counted, and what was. ``edge`` is how many rows were within the tolerance."""

    rows: int = 0
    counted: int = 0
    late: int = 0
    edge: int = 0
    problems: list[str] = field(default_factory=list)

    def figures(self) -> Figures:
        return Figures(
            rows=self.rows,
            lost=max(0, self.rows - self.counted),
            doubled=max(0, self.counted - self.rows),
            problems=list(self.problems),
        )


def count(it: Timelapse, arrivals: Arrivals, rows: range, *, late_after: float) -> Count:
    """Compare what the exporter has counted with ``rows``, and its late series with what ``late_after`` (s) demands."""
    late, in_time = (counted(it, late=label) for label in ("true", "false"))
    total = late.plus(in_time)
    result = Count(len(rows), total.rows, late.rows)
    if total != sums(arrivals, rows):
        result.problems.append(f"counted {total.rows} rows of {len(rows)}, not the ones that came")
    surely, near = by_age(arrivals, first_served(arrivals), late_after=late_after)
    result.edge = sum(map(len, near))
    if too_many_to_tell(near):
        result.problems.append(f"{result.edge} rows in {len(near)} answers are at the edge of being late: too many")
    elif late not in may_be_late(arrivals, surely, near):
        few, most = surely.rows, surely.rows + result.edge
        result.problems.append(f"{late.rows} rows are late, not the {few} to {most} ones that should be")
    return result


def counted(it: Timelapse, *, late: str) -> Sums:
    """What the exporter has counted in the series with this label."""
    found = Sums()
    for key, values in it.books.totals.items():
        if key.late == late:
            found = found.plus(Sums(values[slots.COMPLETIONS], values[slots.OUTPUT_TOKENS], values[slots.CREDITS]))
    return found


def first_served(arrivals: Arrivals) -> dict[int, int]:
    """When each row was first in an answer (µs)."""
    first: dict[int, int] = {}
    for at, start, end in arrivals.served:
        for number in range(start, end):
            first.setdefault(number, at)
    return first


def by_age(arrivals: Arrivals, served: Mapping[int, int], *, late_after: float) -> tuple[Sums, list[list[int]]]:
    """The sums of the rows that are certainly late, and the numbers of those at the edge, by answer, oldest first."""
    certain, near = [], dict[int, list[int]]()
    for number, at in sorted(served.items()):
        over = (at - arrivals.times[number]) / SECOND - late_after
        if over > TOLERANCE:
            certain.append(number)
        elif over >= -TOLERANCE:
            near.setdefault(at, []).append(number)
    return sums(arrivals, certain), list(near.values())


def too_many_to_tell(near: Sequence[Sequence[int]]) -> bool:
    """Whether the rows at the edge leave so much open that the late rows' sums would say little."""
    return sum(map(len, near)) > EDGE or prod(len(numbers) + 1 for numbers in near) > WAYS


def may_be_late(arrivals: Arrivals, surely: Sums, near: Sequence[Sequence[int]]) -> set[Sums]:
    """The sums that late rows may have: of all ``surely`` late ones, and the oldest of each answer's ``near`` ones."""
    possible = {surely}
    for numbers in near:
        oldest = list(accumulate((sums(arrivals, [number]) for number in numbers), Sums.plus, initial=Sums()))
        possible = {so_far.plus(more) for so_far in possible for more in oldest}
    return possible


def sums(arrivals: Arrivals, numbers: Sequence[int]) -> Sums:
    """Of the rows with these numbers."""
    return Sums(
        len(numbers), sum(map(arrivals.tokens, numbers)), MICRO * sum(arrivals.credits(number) for number in numbers)
    )
