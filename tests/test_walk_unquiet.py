"""Walks down a list that does not stand still."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.pages import CursorPaginator, OffsetPaginator
from exporter.counting.walk import Step, begin, take
from exporter.models import Completion, Page, Paginator
from tests.builders import Shelf, descend, row

OFFSET = OffsetPaginator()
CURSOR = CursorPaginator()

both = pytest.mark.parametrize("paginator", [OFFSET, CURSOR], ids=["offset", "cursor"])


class Unquiet:
    """A list that changes between any two requests: rows come at the top and below it, go, and ties change places.

    It is listed by times that are up to ``blur`` earlier than the creation times that it shows.
    """

    def __init__(self, random: Random, size: int, spread: int, blur: int = 0) -> None:
        self._random = random
        self._spread = spread
        self._blur = blur
        self._serial = 0
        self.edges: set[int] = set()
        """The oldest creation time of every page that was shown."""
        self._rows: dict[Completion, int] = {}
        for _ in range(size):
            self._add()
        self.lasting = set(self._rows)
        """Rows that were there before the walk and still are."""

    def get(self, params: dict[str, str | int]) -> Page | None:
        for _ in range(self._random.randrange(6)):
            if self._random.random() < 0.5:
                self._add()
            elif self._rows:
                gone = self._random.choice(list(self._rows))
                del self._rows[gone]
                self.lasting.discard(gone)
        listed = sorted(self._rows.items(), key=lambda entry: (-entry[1], self._random.random()))
        shown = Shelf([each for each, _ in listed]).get(params)
        if shown is not None and shown.rows:
            self.edges.add(min(each.created for each in shown.rows))
        return shown

    def _add(self) -> None:
        self._serial += 1
        listed_by = self._random.randrange(1, self._spread)
        self._rows[row(listed_by + self._random.randint(0, self._blur), f"r{self._serial}")] = listed_by


@both
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(0, 150),
    spread=st.sampled_from((20, 200, 5_000)),
    blur=st.sampled_from((0, 0, 1, 10)),
    limit=st.integers(2, 40),
    depth=st.floats(0, 1),
)
def test_a_proven_walk_has_shown_every_row_that_was_there_throughout(
    paginator: Paginator, seed: int, size: int, spread: int, blur: int, limit: int, depth: float
) -> None:
    unquiet = Unquiet(Random(seed), size, spread, blur)
    floor = int(depth * spread)
    descent = descend(begin(started=10_000, floor=floor, limit=limit), unquiet.get, paginator)
    if descent.step is Step.DONE and not descent.walk.unproven:
        deepest = 0 if descent.walk.ended else descent.walk.lo + blur
        assert deepest <= floor + blur
        missed = {each for each in unquiet.lasting if each.created > deepest and each.id not in descent.shown}
        # A page may look ordered although the list is not: then it is believed to the microsecond.
        assert all(blur and any(abs(each.created - edge) <= blur for edge in unquiet.edges) for each in missed)


@given(seed=st.integers(0, 2**32), limit=st.integers(2, 40))
def test_what_a_walk_has_covered_only_grows(seed: int, limit: int) -> None:
    unquiet = Unquiet(Random(seed), 100, 300)
    walk, walks = begin(started=10_000, floor=0, limit=limit), []
    for _ in range(40):
        shown = unquiet.get(OFFSET.params(walk.position, walk.limit))
        assert shown is not None
        outcome = take(walk, shown, OFFSET)
        walk = outcome.walk
        walks.append(walk)
        if outcome.step is not Step.ON:
            break
    assert all(later.lo <= earlier.lo and later.unproven >= earlier.unproven for earlier, later in pairwise(walks))
