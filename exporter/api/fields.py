"""Rows as typed structs made from dotted paths: what no path asks for is skipped by the parser, unread.

A path names keys from the row inwards: `usage.prompt_tokens`. A number is an index into a list: `skills.0.skill_id`.
A list is read as a whole and looked into afterwards, and so is a value that is asked for as well as what is inside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

ANYTHING_ELSE: Final = str | int | float | bool | list[Any] | None
"""What may stand where an object was expected, so that one odd row does not spoil its page."""

Column: TypeAlias = tuple[Any, ...]
"""What each row has in one place; None for a row that has nothing there."""

_Keys: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a value lies: an attribute of the rows themselves, or of the objects that lie `inside` of another place."""

    inside: Place | None
    missing: msgspec.Struct
    """An empty object, for rows without one there."""
    value: Callable[[Any], Any]


class Slot(NamedTuple):
    """Where the value of a path is found: in the column of `place`, and from there along the keys of `rest`."""

    place: Place
    rest: tuple[str, ...]


class RowReader:
    """Reads the values at `paths` from rows of `row_type`. Raises ValueError for a path with an empty part."""

    def __init__(self, paths: Iterable[str]) -> None:
        root = _Node()
        for path in paths:
            root.add(_keys(path))
        self.row_type = root.struct_type()
        self._places: dict[_Keys, Place] = {}
        nodes: list[tuple[_Keys, Place | None, msgspec.Struct, _Node]] = [((), None, self.row_type(), root)]
        for keys, inside, missing, node in nodes:
            for number, (key, child) in enumerate(node.children.items()):
                place = Place(inside, missing, attrgetter(_attribute(number)))
                if child.opaque:
                    self._places[*keys, key] = place
                else:
                    nodes.append(((*keys, key), place, place.value(missing), child))

    def slot(self, path: str) -> Slot:
        """Return where the value of one of the paths is found. Raises KeyError for any other path."""
        keys = _keys(path)
        for depth in range(1, len(keys) + 1):
            place = self._places.get(keys[:depth])
            if place is not None:
                return Slot(place, keys[depth:])
        raise KeyError(path)


class Table:
    """The values of a page's rows, column by column. A column that nobody asks for is not put together."""

    def __init__(self, rows: Sequence[msgspec.Struct]) -> None:
        self._rows = rows
        self._columns: dict[Place, Column] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def column(self, place: Place) -> Column:
        """Return what each row has in one place."""
        column = self._columns.get(place)
        if column is None:
            structs = self._rows if place.inside is None else self._structs(place.inside, place.missing)
            column = self._columns[place] = tuple(map(place.value, structs))
        return column

    def _structs(self, place: Place, missing: msgspec.Struct) -> Column:
        """Return the objects in one place, an empty one for what is no object."""
        column = self.column(place)
        if set(map(type, column)) != {type(missing)}:
            column = tuple(value if isinstance(value, msgspec.Struct) else missing for value in column)
        return column


def descend(value: Any, keys: Sequence[str]) -> Any:
    """Return what `keys` lead to inside a value that was read as a whole, None if they lead nowhere."""
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


class _Node:
    """One key, and the keys asked for inside of it."""

    def __init__(self) -> None:
        self.wanted = False
        self.children: dict[str, _Node] = {}

    @property
    def opaque(self) -> bool:
        """Whether the value is read as a whole, not as a struct."""
        return self.wanted or any(key.isdecimal() for key in self.children)

    def add(self, keys: _Keys) -> None:
        """Ask for the value that `keys` lead to."""
        node = self
        for key in keys:
            node = node.children.setdefault(key, _Node())
        node.wanted = True

    def struct_type(self) -> type[msgspec.Struct]:
        """Return a struct with the node's keys. Its attributes are numbered, since a key may be any text."""
        fields: list[tuple[str, Any, Any]] = []
        for number, (key, child) in enumerate(self.children.items()):
            value_type: Any = Any
            default = None
            if not child.opaque:
                inner = child.struct_type()
                value_type, default = inner | ANYTHING_ELSE, inner()
            fields.append((_attribute(number), value_type, msgspec.field(default=default, name=key)))
        return msgspec.defstruct("Row", fields, frozen=True, gc=False)


def _keys(path: str) -> _Keys:
    keys = tuple(path.split("."))
    if not all(keys):
        raise ValueError(f"{path!r} is not a dotted path: keys are joined by single dots, as in usage.prompt_tokens")
    return keys


def _attribute(number: int) -> str:
    return f"f{number}"
