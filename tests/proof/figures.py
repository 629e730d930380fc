"""What a part of the proof came to, in numbers that can be added up."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Final, Self

PROPERTY: Final = "figures of the proof"
"""The property of a test's report that carries its figures, as JSON."""


@dataclass(slots=True)
class Figures:
    """``peak_rss`` is in bytes and the largest of all parts; everything else is a count and adds up."""

    rows: int = 0
    """Rows that had to be counted."""
    lost: int = 0
    doubled: int = 0
    decreases: int = 0
    """Counters seen to go back, or to disappear, by a scraper."""
    kills: int = 0
    faults: int = 0
    """Faults of the upstream and of the wire that struck."""
    store_faults: int = 0
    """Failing operations on the ledger's files, damaged and rolled back ledgers."""
    store_faults_survived: int = 0
    malformed: int = 0
    """Bodies that are not what they should be."""
    mutants: int = 0
    """Mistakes built in on purpose."""
    mutants_caught: int = 0
    peak_rss: int = 0
    problems: list[str] = field(default_factory=list)
    """What is wrong, in words, each with what is needed to see it again (a seed, a place)."""

    @property
    def good(self) -> bool:
        """Whether the claim held."""
        return (
            not (self.lost or self.doubled or self.decreases or self.problems)
            and self.store_faults_survived == self.store_faults
            and self.mutants_caught == self.mutants
        )

    def __iadd__(self, other: Self) -> Self:
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            setattr(self, each.name, max(mine, theirs) if each.name == "peak_rss" else mine + theirs)
        return self

    def table(self) -> str:
        """Write the figures as a table of one row, and what is wrong below it."""
        cells = {
            "rows": f"{self.rows:,}",
            "faults": f"{self.faults:,}",
            "kills": f"{self.kills:,}",
            "lost": f"{self.lost:,}",
            "doubled": f"{self.doubled:,}",
            "decreases": f"{self.decreases:,}",
            "mutants caught": f"{self.mutants_caught:,} of {self.mutants:,}",
            "store faults survived": f"{self.store_faults_survived:,} of {self.store_faults:,}",
            "malformed bodies": f"{self.malformed:,}",
            "peak RSS": f"{self.peak_rss / 2**20:,.0f} MiB",
        }
        widths = [max(len(name), len(value)) for name, value in cells.items()]
        rows = (cells.keys(), cells.values())
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([*lines, *self.problems])
