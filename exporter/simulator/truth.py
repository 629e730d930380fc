"""What an exporter that counts every item exactly once must have counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from exporter.models import NO_SKILL, UNKNOWN_MODEL
from exporter.simulator.items import Item


class Key(NamedTuple):
    """The labels that totals are kept by, as the rows have them."""

    source: str
    model: str
    skill: str
    status: str


class Total(msgspec.Struct):
    """Sums over items; values that a row lacks add nothing. Credits in micro-credits."""

    completions: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    microcredits: int = 0

    def add(self, item: Item) -> None:
        self.completions += 1
        self.input_tokens += item.input_tokens or 0
        self.output_tokens += item.output_tokens or 0
        self.microcredits += item.credits or 0


class Truth:
    """Totals of the items that settled, beside the counts of those that don't belong in them."""

    def __init__(self) -> None:
        self.totals: dict[Key, Total] = {}
        self.unsettled = 0
        """Items not yet listed, or not yet with a terminal status."""
        self.lost = 0
        """Items deleted before their terminal status could be seen: nobody can count them."""
        self.bad_rows = 0
        """Rows that aren't items."""
        self.deleted = 0
        """Items deleted after they settled; they are in the totals."""
        self.amended = 0
        """Items whose credits changed after they settled; they are in the totals with the credits they settled with."""

    def add(self, item: Item, until: int) -> None:
        """Fold ``item`` in, as it is at ``until`` (microseconds)."""
        if item.is_garbage:
            self.bad_rows += 1
        elif not item.settles and item.deleted is not None and item.deleted <= until:
            self.lost += 1
        elif item.settled_at > until:
            self.unsettled += 1
        else:
            key = Key(item.source, item.model or UNKNOWN_MODEL, item.skill or NO_SKILL, item.status)
            self.totals.setdefault(key, Total()).add(item)
            self.deleted += item.deleted is not None and item.deleted <= until
            self.amended += item.amended is not None and item.amended <= until

    def extend(self, items: Iterable[Item], until: int) -> None:
        """Fold ``items`` in, as they are at ``until``."""
        for item in items:
            self.add(item, until)

    def copy(self) -> Truth:
        """Return an independent copy."""
        other = Truth()
        other.totals = {key: msgspec.structs.replace(total) for key, total in self.totals.items()}
        other.unsettled, other.lost, other.bad_rows = self.unsettled, self.lost, self.bad_rows
        other.deleted, other.amended = self.deleted, self.amended
        return other

    def as_json(self) -> dict[str, Any]:
        """Return the totals as a list of objects, with the other counts beside it."""
        return {
            "totals": [key._asdict() | msgspec.structs.asdict(total) for key, total in sorted(self.totals.items())],
            "unsettled": self.unsettled,
            "lost": self.lost,
            "bad_rows": self.bad_rows,
            "deleted": self.deleted,
            "amended": self.amended,
        }
