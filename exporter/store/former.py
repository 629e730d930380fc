"""The digests of a ledger of version 2: compared with its content a last time, before it is brought up to date.

Its ids were a row each, too many for a CRC each: kept were the sums of their columns, by list.
"""

from __future__ import annotations

import sqlite3
from typing import Final
from zlib import crc32

DIGESTED: Final = {
    "meta": "key, value",
    "sources": "id, account, source, coverage",
    "waiting": "source, hash, created, seen",
    "series": "id, account, source, model, skill, status, late, released, slots",
    "counters": "family, labels, value",
    "spend": "source, quarter, credits",
    "offenders": "id, entries",
    "requests": "account, at",
}
"""The tables of which a CRC was kept, and their columns."""

SUMS: Final = "count(*), sum(second), sum(hash >> 32), sum(hash & 0xFFFFFFFF), sum(mark)"
"""What was kept of ``settled``; a hash in two halves, so that no sum leaves 64 bits."""


def differing(db: sqlite3.Connection) -> list[str]:
    """The tables that do not hold what was written to them. Raises what SQLite raises."""
    db.create_function("former_row_crc", -1, _row_crc, deterministic=True)
    kept = {name: (rows, crcs) for name, rows, crcs in db.execute("SELECT name, row_count, crcs FROM digests")}
    held = {
        table: db.execute(f"SELECT count(*), coalesce(sum(former_row_crc({columns})), 0) FROM {table}").fetchone()
        for table, columns in DIGESTED.items()
    }
    tables = [table for table in sorted({*kept, *held}) if kept.get(table) != held.get(table)]
    sums = {source: tuple(rest) for source, *rest in db.execute("SELECT * FROM settled_sums")}
    rows = {source: tuple(rest) for source, *rest in db.execute(f"SELECT source, {SUMS} FROM settled GROUP BY source")}
    # A list all of whose rows are forgotten keeps sums of 0.
    return tables if {source: row for source, row in sums.items() if any(row)} == rows else [*tables, "settled"]


def _row_crc(*values: int | str | bytes | None) -> int:
    return crc32(b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in values))
