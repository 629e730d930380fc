"""What was counted of each row when it was counted: something that the row has said, and the same for ever."""

from __future__ import annotations

from exporter.counting import layout as slots
from exporter.daemon import layout
from exporter.models import SeriesKey, Status
from tests.listing import Item, Listing
from tests.proof.subject import Subject

INPUT_TOKENS = 5
"""Of every row of a :class:`tests.listing.Listing`."""


class Firsts:
    """The first terminal state of every row, as it was counted. Every row is a series of its own, by its model."""

    def __init__(self, listing: Listing, subject: Subject) -> None:
        self._listing = listing
        self._subject = subject
        self._nothing = [0] * layout().size
        self._counted: dict[SeriesKey, tuple[int, ...]] = {}
        self._keys: dict[str, SeriesKey] = {}

    def check(self) -> None:
        """Raises AssertionError if anything was counted that a row has not said, or has changed since."""
        rows: dict[str, Item] = {}
        totals = self._subject.books.totals
        assert totals.keys() >= self._counted.keys(), "a series is gone"
        for key, values in totals.items():
            if values == self._nothing:
                continue
            before = self._counted.get(key)
            if before is None:
                rows = rows or {item.id: item for item in self._listing.items}
                self._first(rows[key.model], key, values)
            else:
                assert tuple(values) == before, f"{key} has changed from {before} to {values}"

    def _first(self, item: Item, key: SeriesKey, values: list[int]) -> None:
        also = self._keys.setdefault(item.id, key)
        assert also == key, f"{item} was counted as {key} and as {also}"
        assert values[slots.COMPLETIONS] == 1, f"{item} was counted {values[slots.COMPLETIONS]} times"
        said = [
            (change.status.value, change.credits, change.output_tokens, change.finished - item.created)
            for change in item.versions(self._listing.now)
            if change.status is not Status.PENDING and change.finished is not None
        ]
        duration = values[layout().duration.sum]
        counted = (key.status, values[slots.CREDITS], values[slots.OUTPUT_TOKENS], duration)
        assert counted in said, f"{item} was counted as {counted}, but has said {said}"
        assert values[slots.INPUT_TOKENS] == INPUT_TOKENS, f"{item} was counted with {values}"
        self._counted[key] = tuple(values)
