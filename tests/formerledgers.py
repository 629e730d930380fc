"""Ledgers as earlier versions of the exporter made them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from zlib import crc32

from exporter.counting.ledger import RowKey
from exporter.store.schema import APPLICATION_ID, MIGRATIONS

Rows = Iterable[tuple[Any, ...]]


def settled(ids: Mapping[int, Mapping[RowKey, int]]) -> Rows:
    """The ids of lists, by their numbers, as rows of the table that held them."""
    return [(number, *key, mark) for number, rows in ids.items() for key, mark in rows.items()]


def write(path: Path, version: int, tables: Mapping[str, Rows]) -> None:
    """Make a ledger of ``version`` 1 or 2 that holds these rows."""
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript("".join(MIGRATIONS[:version]))
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {version}")
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        db.execute("BEGIN")
        for name, rows in tables.items():
            for row in rows:
                db.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", row)
        if version == 2:
            for name in set(names) - {"settled", "settled_sums", "digests"}:
                held = db.execute(f"SELECT * FROM {name}").fetchall()
                db.execute("INSERT INTO digests VALUES (?, ?, ?)", (name, len(held), sum(map(_crc, held))))
            db.execute(
                "INSERT INTO settled_sums"
                " SELECT source, count(*), sum(second), sum(hash >> 32), sum(hash & 4294967295), sum(mark)"
                " FROM settled GROUP BY source"
            )
        db.execute("COMMIT")


def _crc(row: tuple[Any, ...]) -> int:
    return crc32(b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in row))
