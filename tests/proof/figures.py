"""What a part of the proof came to, in numbers that can be added up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import count
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
    scrapes: int = 0
    """How often a scraper, or what stands for one, compared the counters with what it had seen of them before."""
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

    def cells(self) -> dict[str, str]:
        """What to print, by its name: a dash where nothing of the kind was looked at."""
        return {
            "rows": _number(self.rows),
            "faults": _number(self.faults),
            "kills": _number(self.kills),
            "lost": _number(self.lost, of=self.rows),
            "doubled": _number(self.doubled, of=self.rows),
            "decreases": _number(self.decreases, of=self.scrapes),
            "scrapes": _number(self.scrapes),
            "mutants caught": _share(self.mutants_caught, self.mutants),
            "store faults survived": _share(self.store_faults_survived, self.store_faults),
            "malformed bodies": _number(self.malformed),
            "peak RSS": f"{self.peak_rss / 2**20:,.0f} MiB" if self.peak_rss else "-",
        }

    def table(self) -> str:
        """Write the figures as a table of one row, and what is wrong below it."""
        return table({"": self})


def table(parts: Mapping[str, Figures]) -> str:
    """Write a row for each part and, if there are several, one for their sum; below, what is wrong."""
    total = Figures()
    for figures in parts.values():
        total += figures
    shown = {**parts, "all": total} if len(parts) > 1 else parts
    head = ("", *total.cells())
    lines = [head, *((name, *figures.cells().values()) for name, figures in shown.items())]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = (
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, cell, width in zip(count(), line, widths, strict=False)
        )
        for line in lines
    )
    return "\n".join([*aligned, *total.problems])


def _number(value: int, *, of: int | None = None) -> str:
    """A number; a dash if it is 0 of nothing."""
    return f"{value:,}" if value or of else "-"


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}" if whole else "-"
