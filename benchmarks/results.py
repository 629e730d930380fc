"""The figures of a run, by name, and what is known about how they came about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median, quantiles


class Unit(StrEnum):
    """What a figure is counted in: pyperf's units."""

    SECOND = "second"
    BYTE = "byte"
    NUMBER = "integer"


@dataclass(frozen=True, slots=True)
class Figure:
    """The values that the rounds gave, never empty."""

    values: Sequence[float]
    unit: Unit = Unit.SECOND

    @property
    def median(self) -> float:
        """The middle value."""
        return median(self.values)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles; 0 of fewer than three values, which have none."""
        if len(self.values) < 3:
            return 0.0
        first, _, third = quantiles(self.values, n=4)
        return (third - first) / 2


@dataclass(slots=True)
class Results:
    """Everything that ``make bench`` has found out."""

    figures: dict[str, Figure] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    """The machine, the commit, versions and sizes, in words."""
    problems: dict[str, str] = field(default_factory=dict)
    """What could not be measured, and why."""

    def note(self, name: str, values: Iterable[float], unit: Unit = Unit.SECOND) -> None:
        """Keep the values of a figure; one without values is left out."""
        if kept := tuple(values):
            self.figures[name] = Figure(kept, unit)

    def more(self, name: str, value: float, unit: Unit = Unit.SECOND) -> None:
        """Add a value to those of a figure."""
        known = self.figures[name].values if name in self.figures else ()
        self.figures[name] = Figure((*known, value), unit)

    def ratio(self, name: str, baseline: str) -> float | None:
        """The ratio of two figures of this run, by their medians; None if one is absent."""
        if name not in self.figures or baseline not in self.figures:
            return None
        return self.figures[name].median / self.figures[baseline].median

    def under(self, prefix: str) -> dict[str, Figure]:
        """The figures whose names begin so, by the rest of the name, in the order in which they were noted."""
        return {name.removeprefix(prefix): each for name, each in self.figures.items() if name.startswith(prefix)}
