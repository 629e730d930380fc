"""How a new series enters /metrics: at 0 first, for long enough to be scraped, so that ``increase()`` sees its rise.

A series is born family by family: token counters do not exist before a row had tokens. Which families have been
released from 0 is durable before it shows, so that no restart can take a shown value back to 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntFlag

from exporter.counting import layout as slots
from exporter.counting.layout import Layout
from exporter.models import SeriesKey


class Shown(IntFlag):
    """The groups of families that are born together."""

    COMPLETIONS = 1
    INPUT = 2
    OUTPUT = 4
    CREDITS = 8
    DURATION = 16
    TIME_TO_FIRST_TOKEN = 32


class Births:
    """Which families of which series are shown, and whether with their value or still as 0."""

    def __init__(self, layout: Layout, hold: int, released: Mapping[SeriesKey, int]) -> None:
        """Hold new series at 0 for ``hold`` µs; go on from what was ``released`` in earlier runs."""
        self.hold = hold
        self._layout = layout
        self._released = {key: Shown(mask) for key, mask in released.items()}
        self._held: dict[SeriesKey, dict[Shown, int]] = {}

    def show(self, key: SeriesKey, values: Sequence[int], now: int) -> None:
        """Take note of a series' values before they are published at ``now``."""
        new = self._present(values) & ~self._released.get(key, Shown(0))
        if not new:
            return
        held = self._held.setdefault(key, {})
        for group in new:
            held.setdefault(group, now)

    def due(self, now: int) -> dict[SeriesKey, int]:
        """The series whose time at 0 is over at ``now``, with the mask to make durable before :meth:`release`."""
        ready: dict[SeriesKey, int] = {}
        for key, held in self._held.items():
            for group, since in held.items():
                if now - since >= self.hold:
                    ready[key] = ready.get(key, self._released.get(key, Shown(0))) | group
        return ready

    def next_due(self) -> int | None:
        """When the next series is due (µs)."""
        return min((since + self.hold for held in self._held.values() for since in held.values()), default=None)

    def release(self, masks: Mapping[SeriesKey, int]) -> None:
        """Show these from now on with their values."""
        for key, mask in masks.items():
            self._released[key] = Shown(mask)
            held = {group: since for group, since in self._held.pop(key, {}).items() if not group & mask}
            if held:
                self._held[key] = held

    def release_all(self, keys: Iterable[SeriesKey]) -> None:
        """Show these with their values, and whatever family they get later: they may have been shown before."""
        self.release(dict.fromkeys(keys, ~Shown(0)))

    def state(self, key: SeriesKey) -> tuple[Shown, Shown]:
        """The groups of a series shown with their value, and those shown as 0."""
        zero = Shown(0)
        for group in self._held.get(key, ()):
            zero |= group
        return self._released.get(key, Shown(0)), zero

    def _present(self, values: Sequence[int]) -> Shown:
        shown = Shown.COMPLETIONS
        if values[slots.INPUT_ROWS]:
            shown |= Shown.INPUT
        if values[slots.OUTPUT_ROWS]:
            shown |= Shown.OUTPUT
        if values[slots.CREDIT_ROWS]:
            shown |= Shown.CREDITS
        if any(values[self._layout.duration.buckets]):
            shown |= Shown.DURATION
        if any(values[self._layout.time_to_first_token.buckets]):
            shown |= Shown.TIME_TO_FIRST_TOKEN
        return shown
