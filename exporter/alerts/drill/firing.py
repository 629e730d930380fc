"""When an alert would have fired: Prometheus's own steps from what an expression yields to pending and firing. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert that fired from ``start`` until it was resolved at ``end`` (ms), None if it still fires.

    ``first`` is its value at the start; ``low`` and ``high`` are the extremes while it fired.
    """

    labels: tuple[tuple[str, str], ...]
    start: int
    end: int | None
    first: float
    low: float
    high: float

    def lasted(self, until: int) -> int:
        """How long it fired (ms), up to ``until`` if it still fires."""
        return (until if self.end is None else self.end) - self.start


def episodes(
    labels: tuple[tuple[str, str], ...], times: Sequence[int], values: Mapping[int, float], hold: int, keep: int
) -> list[Episode]:
    """Return when one alert fired.

    ``times`` are those of all evaluations, ascending (ms), ``values`` what the expression yielded for these labels,
    absent where it yielded nothing; ``hold`` is ``for`` and ``keep`` is ``keep_firing_for`` (ms).
    """
    found: list[Episode] = []
    pending_since: int | None = None
    started: int | None = None
    missing_since: int | None = None
    seen: list[float] = []
    for time in times:
        value = values.get(time)
        if value is not None:
            missing_since = None
            if started is not None:
                seen.append(value)
                continue
            pending_since = time if pending_since is None else pending_since
            if time - pending_since >= hold:
                started, pending_since, seen = time, None, [value]
            continue
        pending_since = None
        if started is None:
            continue
        missing_since = time if missing_since is None else missing_since
        if time - missing_since >= keep:
            found.append(_episode(labels, started, time, seen))
            started = missing_since = None
    if started is not None:
        found.append(_episode(labels, started, None, seen))
    return found


def _episode(labels: tuple[tuple[str, str], ...], start: int, end: int | None, seen: Sequence[float]) -> Episode:
    return Episode(labels, start, end, seen[0], min(seen), max(seen))
