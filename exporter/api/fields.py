"""Rows as typed structs made from dotted paths: what no path asks for is skipped by the parser, unread.

A path names keys from the row inwards: `usage.prompt_tokens`. A number is an index into a list: `skills.0.skill_id`.
A list is read as a whole and looked into afterwards, and so is a value that is asked for as well as what is inside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from msgspec.structs import astuple

ANYTHING_ELSE: Final = str | int | float | bool | list[Any] | None
"""What may stand where an object was expected, so that one odd row does not spoil its page."""

Column: TypeAlias = tuple[Any, ...]
"""What each row has in one place; None for a row that has nothing there."""

_Keys: TypeAlias = tuple[str, ...]


class Slot(NamedTuple):
    """Where the value of a path is found: in the column at `place`, and from there along the keys of `rest`."""

    place: int
    rest: tuple[str, ...]


class RowReader:
    """Reads the values at `paths` from rows of `row_type`. Raises ValueError for a path with an empty part."""

    def __init__(self, paths: Iterable[str]) -> None:
        root = _Node()
        for path in paths:
            root.add(_keys(path))
        self.row_type = root.struct_type()
        self._places: dict[_Keys, int] = {}
        self._nested: list[tuple[int, msgspec.Struct]] = []
        # In the order in which `columns` appends: the children of a node, then those of the next one.
        nodes: list[tuple[_Keys, _Node]] = [((), root)]
        places = count()
        for keys, node in nodes:
            for key, child in node.children.items():
                place = next(places)
                if child.opaque:
                    self._places[*keys, key] = place
                else:
                    self._nested.append((place, child.struct_type()()))
                    nodes.append(((*keys, key), child))

    def slot(self, path: str) -> Slot:
        """Return where the value of one of the paths is found. Raises KeyError for any other path."""
        keys = _keys(path)
        for depth in range(1, len(keys) + 1):
            place = self._places.get(keys[:depth])
            if place is not None:
                return Slot(place, keys[depth:])
        raise KeyError(path)

    def columns(self, rows: Iterable[msgspec.Struct]) -> list[Column]:
        """Return the columns of one row or more: those of the rows' own values, then those of each struct in them."""
        columns = _columns(rows)
        for place, missing in self._nested:
            columns += _columns(inner if isinstance(inner, msgspec.Struct) else missing for inner in columns[place])
        return columns


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
            fields.append((f"f{number}", value_type, msgspec.field(default=default, name=key)))
        return msgspec.defstruct("Row", fields, frozen=True, gc=False)


def _keys(path: str) -> _Keys:
    keys = tuple(path.split("."))
    if not all(keys):
        raise ValueError(f"{path!r} is not a dotted path: keys are joined by single dots, as in usage.prompt_tokens")
    return keys


def _columns(structs: Iterable[msgspec.Struct]) -> list[Column]:
    return list(zip(*map(astuple, structs), strict=True))
