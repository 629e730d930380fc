"""How much time a gap must be said to have at least, by the rows in it that nobody knows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from itertools import pairwise


def least(unknown: Collection[int], known: Sequence[int], shown: Collection[tuple[int, int]]) -> int:
    """The least width (µs) of what is unproven around rows of these creation times.

    From one of the ``unknown`` times to the next, that is all the time between them: unless a row of ``known`` (in
    order) lies between, or a page has ``shown`` (newer, older) that nothing does. A single time has no width.
    """
    times = sorted(set(unknown))
    return sum(
        newer - older
        for older, newer in pairwise(times)
        if (newer, older) not in shown and not _between(known, older, newer)
    )


def _between(known: Sequence[int], older: int, newer: int) -> bool:
    """Whether a known time lies strictly between two others."""
    place = bisect_right(known, older)
    return place < len(known) and known[place] < newer
