"""A field's value may be found along several paths: the first one that leads to something in a row counts.

Column by column, not row by row: most paths lead nowhere in a whole page, and are passed over at once.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.api import bulk
from exporter.api.bulk import BulkConverter
from exporter.api.fields import Column, Place, RowReader, Table, descend
from exporter.api.values import BadValueError, Converter, converter
from exporter.models import Field, Source


@dataclass(frozen=True, slots=True)
class Candidate:
    """One path that may lead to a field's value, by way of one column of the rows' values."""

    path: str
    place: Place
    convert: Converter
    bulk: BulkConverter | None

    @classmethod
    def of(cls, field: Field, path: str, source: Source, reader: RowReader, *, max_id_length: int) -> Candidate:
        """Take the value of ``field`` along ``path``, one of those of ``reader``."""
        place, rest = reader.slot(path)
        convert = converter(field, path, source.statuses, max_id_length)
        if rest:
            return cls(path, place, lambda value: convert(descend(value, rest)), None)
        return cls(path, place, convert, bulk.bulk_converter(field, path, source.statuses, max_id_length))

    def convert_all(self, raws: Column) -> Sequence[Any]:
        """Convert a whole column. Raises BadValueError."""
        converted = bulk.convert(self.bulk, raws) if self.bulk else None
        return list(map(self.convert, raws)) if converted is None else converted

    def convert_missing(self, found: Sequence[Any], raws: Column) -> list[Any]:
        """Convert what is not found yet. Raises BadValueError."""
        return [self.convert(raw) if have is None else have for have, raw in zip(found, raws, strict=True)]

    def convert_each(self, found: Sequence[Any], raws: Column, bad: MutableMapping[int, BadValueError]) -> list[Any]:
        """Convert one by one what is not found yet, and note the first thing that is wrong with each row."""
        converted = list(found)
        for row, raw in enumerate(raws):
            if found[row] is None:
                try:
                    converted[row] = self.convert(raw)
                except BadValueError as error:
                    bad.setdefault(row, BadValueError(error.reason, f"{self.path}: {error}"))
        return converted


def find(candidates: Iterable[Candidate], table: Table, bad: MutableMapping[int, BadValueError]) -> Sequence[Any]:
    """Return the field's value in each row, None without one; note in ``bad``, by row, what else stands there."""
    found: Sequence[Any] = ()
    for candidate in candidates:
        if found and None not in found:
            break
        raws = table.column(candidate.place)
        if raws[0] is None and raws.count(None) == len(raws):
            continue
        try:
            found = candidate.convert_missing(found, raws) if found else candidate.convert_all(raws)
        except BadValueError:
            found = candidate.convert_each(found or [None] * len(raws), raws, bad)
    return found or [None] * len(table)
