"""Whole columns of values at once: what `exporter.api.values` makes of them one by one, in half the time or less.

A bulk converter takes the values of one field in a page, none of them null. It knows what values look like as the API
documents them: if any of them looks otherwise it returns None, and the column has to be converted value by value.
Numbers have none, since there is nothing to gain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import repeat
from operator import mul, sub
from types import NoneType
from typing import Any, Final, TypeAlias

from exporter.api import values
from exporter.models import SECOND, Field, Status

BulkConverter: TypeAlias = Callable[[Sequence[Any], type], Sequence[Any] | None]
"""From wire values of one type, not null, to ours; None if any of them is out of the ordinary."""

_LABELS_REMEMBERED: Final = 1024
"""More models and skills than an account has: each is looked at once, not in every row."""


def bulk_converter(field: Field, path: str, statuses: Mapping[str, Status], max_id_length: int) -> BulkConverter | None:
    """Return the bulk converter of `field` when it is read from the dotted `path`: see `values.converter`."""
    match field:
        case Field.ID:
            return _identifiers(max_id_length)
        case Field.CREATED | Field.FINISHED:
            return _timestamps(values.unit(path))
        case Field.STATUS:
            return _statuses(statuses)
        case Field.MODEL | Field.SKILL:
            return _labels()
    return None


def convert(bulk: BulkConverter, column: Sequence[Any]) -> Sequence[Any] | None:
    """Convert a column, in which nulls stay None; return None if any value is out of the ordinary."""
    types = set(map(type, column))
    if types == {NoneType}:
        return column
    nulls = NoneType in types
    types.discard(NoneType)
    if len(types) > 1:
        return None
    present = [value for value in column if value is not None] if nulls else column
    converted = bulk(present, types.pop())
    if not nulls or converted is None:
        return converted
    following = iter(converted)
    return [None if value is None else next(following) for value in column]


def _identifiers(max_length: int) -> BulkConverter:
    def convert_all(raws: Sequence[Any], kind: type) -> Sequence[Any] | None:
        if kind is not str or not "".join(raws).isascii():
            return None
        lengths = set(map(len, raws))
        return raws if min(lengths) > 0 and max(lengths) <= max_length else None

    return convert_all


def _timestamps(unit: int | None) -> BulkConverter:
    """`unit` is in microseconds, None to tell it from the size of the number."""

    def convert_all(raws: Sequence[Any], kind: type) -> Sequence[Any] | None:
        if kind is str:
            times = _iso_times(raws)
        elif kind is int and (unit is not None or max(raws) <= values.MILLISECONDS_ABOVE):
            times = list(map(mul, raws, repeat(unit or SECOND)))
        else:
            return None
        return times if times and min(times) >= values.EARLIEST and max(times) < values.LATEST else None

    return convert_all


def _iso_times(texts: Sequence[str]) -> list[int]:
    """Read ISO 8601 dates and times with Z or an offset; empty if one is something else."""
    if min(map(len, texts)) < values.MINUTES_LENGTH or not {text[10] for text in texts} <= values.TIME_MARKS:
        return []
    try:
        ages = list(map(sub, map(datetime.fromisoformat, texts), repeat(values.EPOCH)))
    except (ValueError, TypeError):  # the latter of one without an offset, which is not to be compared with the epoch
        return []
    return [(age.days * 86_400 + age.seconds) * SECOND + age.microseconds for age in ages]


def _statuses(statuses: Mapping[str, Status]) -> BulkConverter:
    known = values.known_words(statuses)

    def convert_all(raws: Sequence[Any], kind: type) -> Sequence[Any] | None:
        if kind is not str:
            return None
        found = list(map(known.get, raws))
        return None if None in found else found  # a word may only be spelled in another way

    return convert_all


def _labels() -> BulkConverter:
    label_of = lru_cache(_LABELS_REMEMBERED)(values.label_value)

    def convert_all(raws: Sequence[Any], kind: type) -> Sequence[Any] | None:
        # What is remembered is the text itself: none that would be cut, as a path that leads to a prompt would find.
        if kind is not str or "" in raws or max(map(len, raws)) > values.MAX_LABEL:
            return None
        return list(map(label_of, raws))

    return convert_all
