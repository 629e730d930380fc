"""Which rows of a list are counted, and which have vanished.

The ids that one commit counts within one quarter of an hour (of creation time) are one row of the ledger, a segment:
written in one go, skipped unread by its times, and forgotten whole. A row whose mark changes is written again, in a
later segment of its quarter, which counts.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from exporter.counting.ledger import FIRST_FINGERPRINT, VANISHED, RowKey

QUARTER: Final = 900
"""Seconds of creation time that a segment spans at most."""

ROW_BYTES: Final = 14
"""A hash of 64 bits, a fingerprint of 32, an offset into the quarter of 16."""

FORGOTTEN_AT_ONCE: Final = 200
"""Segments, and vanished rows, forgotten per transaction at most: sealing a long backlog never stalls the process."""

VANISHED_KEPT: Final = 7 * 86_400
"""Seconds after its creation that a vanished row is remembered for, should it come back."""

Row = TypeVar("Row")


def provide(db: sqlite3.Connection) -> None:
    """Teach a connection to pack segments, which the migration to them does in SQL."""
    db.create_aggregate("pack_segment", 3, _Packing)  # type: ignore[arg-type]  # typeshed wants finalize() -> int


def write(db: sqlite3.Connection, list_id: int, rows: Mapping[RowKey, int]) -> None:
    """Write the marks of rows of a list: new ones, or other marks for known ones."""
    if VANISHED in rows.values():
        gone = [(list_id, *key) for key, mark in rows.items() if mark == VANISHED]
        db.executemany("INSERT INTO vanished VALUES (?, ?, ?) ON CONFLICT DO NOTHING", gone)
        rows = {key: mark for key, mark in rows.items() if mark != VANISHED}
    for quarter, counted in _by_quarter([second for second, _ in rows], rows.items()):
        keys, new_marks = zip(*counted, strict=True)
        seconds, hashes = zip(*keys, strict=True)
        start, oldest, newest = quarter * QUARTER, min(seconds), max(seconds)
        fingerprints = [mark - FIRST_FINGERPRINT for mark in new_marks]
        if vanished := _vanished(db, list_id, oldest, newest):
            # Counted after all: its segment may be forgotten before its week is over, and it would be counted again.
            back = [(list_id, *key) for key in vanished.intersection(keys)]
            db.executemany("DELETE FROM vanished WHERE source = ? AND second = ? AND hash = ?", back)
        db.execute(
            "INSERT INTO segments (source, quarter, oldest, newest, entries) VALUES (?, ?, ?, ?, ?)",
            (list_id, quarter, oldest, newest, _pack(hashes, fingerprints, [second - start for second in seconds])),
        )


def marks(db: sqlite3.Connection, list_id: int, keys: Sequence[RowKey]) -> dict[RowKey, int]:
    """What the ledger holds of these rows. Reads of the list only what was created at the time of some of them."""
    found: dict[RowKey, int] = {}
    for quarter, wanted in _by_quarter([second for second, _ in keys], keys):
        seconds, hashes = zip(*wanted, strict=True)
        oldest, newest = min(seconds), max(seconds)
        if vanished := _vanished(db, list_id, oldest, newest):
            found.update((key, VANISHED) for key in wanted if key in vanished)
        segments = db.execute(
            "SELECT entries FROM segments WHERE id IN"
            " (SELECT id FROM segments WHERE source = ? AND quarter = ? AND oldest <= ? AND newest >= ?) ORDER BY id",
            (list_id, quarter, newest, oldest),
        )
        sought, alike, start = set(wanted), set(hashes), quarter * QUARTER
        for (entries,) in segments:
            held, fingerprints, offsets = _unpack(entries)
            for place in [place for place, hash_ in enumerate(held) if hash_ in alike]:
                key = RowKey(start + offsets[place], held[place])
                if key in sought:
                    found[key] = FIRST_FINGERPRINT + fingerprints[place]
    return found


def forget(db: sqlite3.Connection, list_id: int, horizon: int) -> None:
    """Delete segments from before ``horizon`` (seconds), and rows that vanished a week before it; so many at a time.

    What is at or before the horizon is settled, whether it is deleted yet or not.
    """
    db.execute(
        "DELETE FROM segments WHERE id IN"
        " (SELECT id FROM segments WHERE source = ? AND quarter < ? ORDER BY quarter LIMIT ?)",
        (list_id, horizon // QUARTER, FORGOTTEN_AT_ONCE),
    )
    # A row that has vanished may come back: a listing that omitted it proves less than it seems to.
    db.execute(
        "DELETE FROM vanished WHERE (source, second, hash) IN"
        " (SELECT source, second, hash FROM vanished WHERE source = ? AND second < ? LIMIT ?)",
        (list_id, horizon - VANISHED_KEPT, FORGOTTEN_AT_ONCE),
    )


def _by_quarter(seconds: Sequence[int], rows: Collection[Row]) -> Iterable[tuple[int, Collection[Row]]]:
    """Rows, created at these seconds, by the quarter of an hour that is."""
    if not seconds:
        return ()
    if (only := min(seconds) // QUARTER) == max(seconds) // QUARTER:  # as nearly every page
        return ((only, rows),)
    quarters: dict[int, list[Row]] = {}
    for second, row in zip(seconds, rows, strict=True):
        quarters.setdefault(second // QUARTER, []).append(row)
    return quarters.items()


def _vanished(db: sqlite3.Connection, list_id: int, oldest: int, newest: int) -> set[tuple[int, int]]:
    """The rows that have vanished, of those created in these seconds."""
    return set(
        db.execute(
            "SELECT second, hash FROM vanished WHERE source = ? AND second BETWEEN ? AND ?", (list_id, oldest, newest)
        )
    )


def _pack(hashes: Iterable[int], fingerprints: Iterable[int], offsets: Iterable[int]) -> bytes:
    """The entries of a segment: columns of 64, 32 and 16 bits a row, one after the other."""
    return array("q", hashes).tobytes() + array("I", fingerprints).tobytes() + array("H", offsets).tobytes()


def _unpack(entries: bytes) -> tuple[array[int], array[int], array[int]]:
    """The columns of a segment: hashes, fingerprints, offsets."""
    rows = len(entries) // ROW_BYTES
    columns = array("q"), array("I"), array("H")
    end = 0
    for column in columns:
        start, end = end, end + rows * column.itemsize
        column.frombytes(entries[start:end])
    return columns


class _Packing:
    """The SQL aggregate ``pack_segment(hash, fingerprint, offset)``."""

    def __init__(self) -> None:
        self._columns = array("q"), array("I"), array("H")

    def step(self, *row: int) -> None:
        """Take a row."""
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)

    def finalize(self) -> bytes:
        """Return the entries."""
        return _pack(*self._columns)
