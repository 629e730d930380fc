"""How the integers of one series are laid out in a flat list: counters first, then each histogram's sum and buckets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

COMPLETIONS: Final = 0
INPUT_ROWS: Final = 1
INPUT_TOKENS: Final = 2
OUTPUT_ROWS: Final = 3
OUTPUT_TOKENS: Final = 4
CREDIT_ROWS: Final = 5
CREDITS: Final = 6
LOW_TOKEN: Final = 7
SLOW_LOW_TOKEN: Final = 8
COUNTERS: Final = 9
"""Number of plain counters; the histograms follow."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Where one histogram lies: its sum at ``sum``, then one count a bucket (not cumulative), the last one +Inf.

    ``bounds`` are the upper bounds, inclusive, in the integer unit of what is observed (µs, tokens, micro-credits).
    """

    sum: int
    bounds: tuple[int, ...]

    @property
    def buckets(self) -> slice:
        return slice(self.sum + 1, self.sum + 2 + len(self.bounds))


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout for given bucket bounds, and a name for it, so that a ledger of another layout is noticed."""

    duration: Histogram
    time_to_first_token: Histogram
    output_length: Histogram
    cost: Histogram
    size: int
    name: str = field(repr=False)

    @classmethod
    def of(
        cls,
        *,
        duration: Sequence[int],
        time_to_first_token: Sequence[int],
        output_length: Sequence[int],
        cost: Sequence[int],
    ) -> Layout:
        """Lay out four histograms with these bounds (µs, µs, tokens, micro-credits), ascending."""
        all_bounds = (duration, time_to_first_token, output_length, cost)
        histograms: list[Histogram] = []
        offset = COUNTERS
        for bounds in all_bounds:
            histograms.append(Histogram(offset, tuple(bounds)))
            offset += 2 + len(bounds)
        first, second, third, fourth = histograms
        name = ";".join(",".join(map(str, bounds)) for bounds in all_bounds)
        return cls(first, second, third, fourth, size=offset, name=name)
