"""Completions for whoever looks: the exemplars of buckets and counters, and those that may be among the worst. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from exporter.counting import layout as slots
from exporter.counting.columns import Amounts, Columns
from exporter.counting.sheet import Sheet
from exporter.counting.worst import WINDOW, contenders
from exporter.models import Exemplar, Offender, SeriesKey

Exemplars: TypeAlias = dict[tuple[SeriesKey, int], Exemplar]
"""By series and slot."""


def keep_latest(known: Exemplars, new: Exemplars) -> None:
    """Replace those that are ``known`` by ``new`` ones that ended no earlier."""
    for place, exemplar in new.items():
        shown = known.get(place)
        if shown is None or exemplar.time >= shown.time:
            known[place] = exemplar


class Examples:
    """What stands out among the rows of a page that is added up in a sheet."""

    def __init__(self, page: Columns, sheet: Sheet, keys: Sequence[SeriesKey], now: int) -> None:
        """``keys`` names the series of each group of ``sheet``; rows are counted at ``now`` (µs)."""
        self.exemplars: Exemplars = {}
        self.offenders: list[Offender] = []
        self._page = page
        self._sheet = sheet
        self._keys = keys
        self._since = now - WINDOW

    def measured(self, cells: Sequence[int | None], values: Amounts) -> None:
        """Let the first row of each bucket be its exemplar; ``cells`` names the bucket of each row's value."""
        self._show(cells, range(len(cells)), values)

    def expensive(self) -> None:
        """Name the rows that cost most."""
        self._name("credits", (row for row, credits in enumerate(self._page.credits) if credits), self._page.credits)

    def failed(self) -> None:
        """Let the first error of each group be the exemplar of its counter, and name the latest ones."""
        errors = [row for row, failed in enumerate(self._page.failed) if failed]
        self._show(self._sheet.cells(slots.COMPLETIONS, errors), errors, [1] * len(self._page.id))
        self._name("error", errors, self._page.ended)

    def slow(self, rows: Sequence[int]) -> None:
        """Let the first of these rows in each group be the exemplar of its counter, and name the slowest ones."""
        self._show(self._sheet.cells(slots.SLOW_LOW_TOKEN, rows), rows, self._page.duration)
        self._name("slow_low_token", rows, self._page.duration)

    def _show(self, cells: Sequence[int | None], rows: Sequence[int], values: Amounts) -> None:
        """Make the first of ``rows`` in each cell its exemplar; ``cells`` names that of each, None for none."""
        page = self._page
        for cell, row in dict(zip(reversed(cells), reversed(rows), strict=True)).items():
            value = values[row]
            if cell is not None and value is not None:
                group, slot = self._sheet.place(cell)
                self.exemplars[self._keys[group], slot] = Exemplar(page.id[row], value, page.ended[row])

    def _name(self, reason: str, rows: Iterable[int], values: Amounts) -> None:
        """Name those of ``rows`` that have ended recently and may be among the worst."""
        page = self._page
        recent = [(values[row] or 0, page.ended[row], row) for row in rows if page.ended[row] > self._since]
        for value, ended, row in contenders(recent):
            account, source, model, skill = self._keys[self._sheet.group_of[row]][:4]
            self.offenders.append(Offender(value, ended, page.id[row], reason, account, source, model, skill))
