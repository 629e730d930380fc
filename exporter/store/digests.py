"""Digests of the ledger's content: SQLite checks how a file is built, not that its content is what was written.

Small tables are kept by triggers: the number of rows, and the sum of a CRC over each. ``settled`` has too many rows
for a CRC each: kept are the sums of its columns, by list. Both change in the transaction that changes the table, and
are compared with the table when the ledger is opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final
from zlib import crc32

from exporter.counting.ledger import RowKey

DIGESTED: Final = {
    "meta": ("key", "value"),
    "sources": ("id", "account", "source", "coverage"),
    "waiting": ("source", "hash", "created", "seen"),
    "series": ("id", "account", "source", "model", "skill", "status", "late", "released", "slots"),
    "counters": ("family", "labels", "value"),
    "spend": ("source", "quarter", "credits"),
    "offenders": ("id", "entries"),
    "requests": ("account", "at"),
}
"""The small tables, and all of their columns."""

SUMS: Final = "count(*), sum(second), sum(hash >> 32), sum(hash & 0xFFFFFFFF), sum(mark)"
"""What is kept of ``settled``; a hash in two halves, so that no sum leaves 64 bits."""


def row_crc(*values: int | str | bytes | None) -> int:
    """Digest a row. What it makes of a row is part of the file's format."""
    return crc32(b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in values))


def provide(db: sqlite3.Connection) -> None:
    """Teach a connection to digest rows."""
    db.create_function("row_crc", -1, row_crc, deterministic=True)


def keep(db: sqlite3.Connection) -> None:
    """Keep the digests up to date with whatever this connection writes from now on.

    The triggers are the connection's own, not the file's: there they could be damaged, too.
    """
    script = ""
    for table, columns in DIGESTED.items():
        old, new = (f"row_crc({', '.join(f'{row}.{column}' for column in columns)})" for row in ("old", "new"))
        for event, count, crcs in (
            ("INSERT", "+ 1", f"+ {new}"),
            ("UPDATE", "", f"- {old} + {new}"),
            ("DELETE", "- 1", f"- {old}"),
        ):
            script += f"""
                CREATE TEMP TRIGGER {table}_{event} AFTER {event} ON main.{table} BEGIN
                    UPDATE digests SET row_count = row_count {count}, crcs = crcs {crcs} WHERE name = '{table}';
                END;
            """
    db.executescript(script)


def compute() -> str:
    """SQL that digests what the tables hold: of a ledger whose schema had no digests yet."""
    script = f"INSERT INTO settled_sums SELECT source, {SUMS} FROM settled GROUP BY source;"
    for table, columns in DIGESTED.items():
        script += f"INSERT INTO digests SELECT '{table}', {_digest(columns)} FROM {table};"
    return script


def write_settled(db: sqlite3.Connection, list_id: int, rows: Mapping[RowKey, int]) -> None:
    """Write rows of a list to ``settled``: new ones, or other marks for known ones."""
    ordered = sorted(rows.items())
    replaced: dict[RowKey, int] = {}
    written = 0

    def rest() -> Iterator[tuple[int, int, int, int]]:
        nonlocal written
        while written < len(ordered):
            key, mark = ordered[written]
            written += 1
            yield list_id, key.second, key.hash, mark

    while written < len(ordered):
        try:
            db.executemany("INSERT INTO settled VALUES (?, ?, ?, ?)", rest())
        except sqlite3.IntegrityError:  # a known one, which is rare: an upsert would cost every row as much again
            key, mark = ordered[written - 1]
            known = (list_id, *key)
            found = db.execute("SELECT mark FROM settled WHERE source = ? AND second = ? AND hash = ?", known)
            replaced[key] = found.fetchone()[0]
            db.execute("UPDATE settled SET mark = ? WHERE source = ? AND second = ? AND hash = ?", (mark, *known))
    if rows:
        more = (added - removed for added, removed in zip(_sums(rows), _sums(replaced), strict=True))
        db.execute(
            "INSERT INTO settled_sums VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (source) DO UPDATE SET"
            " row_count = row_count + excluded.row_count, seconds = seconds + excluded.seconds,"
            " high = high + excluded.high, low = low + excluded.low, marks = marks + excluded.marks",
            (list_id, *more),
        )


def delete_settled(db: sqlite3.Connection, list_id: int, where: str, values: tuple[int, ...]) -> None:
    """Delete the rows of a list in ``settled`` that meet a condition."""
    condition = f"source = ? AND {where}"
    gone = db.execute(f"SELECT {SUMS} FROM settled WHERE {condition}", (list_id, *values)).fetchone()
    if gone[0]:
        db.execute(f"DELETE FROM settled WHERE {condition}", (list_id, *values))
        db.execute(
            "UPDATE settled_sums SET row_count = row_count - ?, seconds = seconds - ?, high = high - ?, low = low - ?,"
            " marks = marks - ? WHERE source = ?",
            (*gone, list_id),
        )


def differing(db: sqlite3.Connection) -> list[str]:
    """The tables that do not hold what was written to them. Raises what SQLite raises."""
    kept = {name: (rows, crcs) for name, rows, crcs in db.execute("SELECT name, row_count, crcs FROM digests")}
    held = {
        table: db.execute(f"SELECT {_digest(columns)} FROM {table}").fetchone() for table, columns in DIGESTED.items()
    }
    tables = [table for table in sorted({*kept, *held}) if kept.get(table) != held.get(table)]
    sums = {source: tuple(rest) for source, *rest in db.execute("SELECT * FROM settled_sums")}
    rows = {source: tuple(rest) for source, *rest in db.execute(f"SELECT source, {SUMS} FROM settled GROUP BY source")}
    # A list all of whose rows are forgotten keeps sums of 0.
    if {source: row for source, row in sums.items() if any(row)} != rows:
        tables.append("settled")
    return tables


def _sums(rows: Mapping[RowKey, int]) -> tuple[int, int, int, int, int]:
    """What :data:`SUMS` says of these rows."""
    return (
        len(rows),
        sum(key.second for key in rows),
        sum(key.hash >> 32 for key in rows),
        sum(key.hash & 0xFFFFFFFF for key in rows),
        sum(rows.values()),
    )


def _digest(columns: tuple[str, ...]) -> str:
    return f"count(*), coalesce(sum(row_crc({', '.join(columns)})), 0)"
