"""Digests of the ledger's content: SQLite checks how a file is built, not that its content is what was written.

Kept of each table are the number of its rows, and the sum of a CRC over each. Triggers change them in the transaction
that changes the table; they are compared with it when the ledger is opened.
"""

from __future__ import annotations

import sqlite3
import zlib
from typing import Final

import msgspec

DIGESTED: Final = {
    "meta": ("key", "value"),
    "sources": ("id", "account", "source", "coverage"),
    "segments": ("id", "source", "quarter", "oldest", "newest"),
    "vanished": ("source", "second", "hash"),
    "waiting": ("source", "hash", "created", "seen"),
    "series": ("id", "account", "source", "model", "skill", "status", "late", "released"),
    "counters": ("family", "labels", "value"),
    "spend": ("source", "quarter", "credits"),
    "offenders": ("id", "entries"),
    "requests": ("account", "at"),
}
"""The tables, and all of their columns but for `BLOBS`."""

BLOBS: Final = {"segments": "entries", "series": "slots"}
"""Columns with a CRC of their own, that is added: they are most of what a page writes, and change alone."""


def row_crc(*values: int | str | bytes | None) -> int:
    """Digest a row. What it makes of a row is part of the file's format."""
    return zlib.crc32(msgspec.msgpack.encode(values))


def provide(db: sqlite3.Connection) -> None:
    """Teach a connection to digest rows, and blobs, without a word of Python, from a number on."""
    db.create_function("row_crc", -1, row_crc, deterministic=True)
    db.create_function("crc32", 2, zlib.crc32, deterministic=True)


def keep(db: sqlite3.Connection) -> None:
    """Keep the digests up to date with whatever this connection writes from now on.

    The triggers are the connection's own, not the file's: there they could be damaged, too.
    """
    script = ""
    for table in DIGESTED:
        events = [("INSERT", "+ 1", f"+ {_crc(table, 'new.')}"), ("DELETE", "- 1", f"- {_crc(table, 'old.')}")]
        for columns, old, new in zip(_columns(table), _crcs(table, "old."), _crcs(table, "new."), strict=True):
            events.append((f"UPDATE OF {', '.join(columns)}", "", f"- {old} + {new}"))
        for number, (event, count, crcs) in enumerate(events):
            script += f"""
                CREATE TEMP TRIGGER {table}_{number} AFTER {event} ON main.{table} BEGIN
                    UPDATE digests SET row_count = row_count {count}, crcs = crcs {crcs} WHERE name = '{table}';
                END;
            """
    db.executescript(script)


def compute() -> str:
    """SQL that digests what the tables hold: of a ledger that was just made, or brought up to date."""
    return "".join(f"INSERT INTO digests SELECT '{table}', {_digest(table)} FROM {table};" for table in DIGESTED)


def differing(db: sqlite3.Connection) -> list[str]:
    """The tables that do not hold what was written to them. Raises what SQLite raises."""
    kept = {name: (rows, crcs) for name, rows, crcs in db.execute("SELECT name, row_count, crcs FROM digests")}
    held = {table: db.execute(f"SELECT {_digest(table)} FROM {table}").fetchone() for table in DIGESTED}
    return [table for table in sorted({*kept, *held}) if kept.get(table) != held.get(table)]


def _digest(table: str) -> str:
    return f"count(*), coalesce(sum({_crc(table)}), 0)"


def _crc(table: str, row: str = "") -> str:
    return f"({' + '.join(_crcs(table, row))})"


def _crcs(table: str, row: str) -> list[str]:
    """SQL for the CRCs of a row, of `_columns` each."""
    crcs = [f"row_crc({', '.join(row + column for column in DIGESTED[table])})"]
    return [*crcs, f"crc32({row}{BLOBS[table]}, {row}id)"] if table in BLOBS else crcs


def _columns(table: str) -> list[tuple[str, ...]]:
    return [DIGESTED[table], ("id", BLOBS[table])] if table in BLOBS else [DIGESTED[table]]
