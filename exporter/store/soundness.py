"""Whether a ledger's file holds what was written to it: how it is built, its schema, and its content."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from exporter.store import digests, former, segments
from exporter.store.schema import APPLICATION_ID, MIGRATIONS, VERSION

CHUNK = 2**20


def is_ours(tables: set[str]) -> bool:
    """Whether these are a ledger's tables, whatever the file says of itself."""
    return any({name for _, name, _, _ in _expected(version)} <= tables for version in range(1, VERSION + 1))


def problem(db: sqlite3.Connection, path: Path, application: int, version: int) -> str | None:
    """What is damaged in the ledger at ``path``; None if nothing is. Raises OSError, or what SQLite raises."""
    # A read that fails once is no damage, but a check tells of it in the same words: it is asked a second time, and
    # then the system must be able to read what SQLite cannot make sense of.
    if said := _structure(db) and _structure(db):
        _read_through(path)
        return said
    if application != APPLICATION_ID or _schema(db) != _expected(version):
        return "its schema is not that of a ledger"
    if version < 2:
        return None  # from before digests were kept
    tables = former.differing(db) if version == 2 else digests.differing(db)
    return f"not what was written to it: {', '.join(tables)}" if tables else None


def _structure(db: sqlite3.Connection) -> str:
    try:
        return "; ".join(said for (said,) in db.execute("PRAGMA integrity_check(3)") if said != "ok")
    except sqlite3.DatabaseError as error:  # so damaged that the check itself cannot go on
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        return str(error)


def _schema(db: sqlite3.Connection) -> list[tuple[str, str, str, str | None]]:
    return db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").fetchall()


def _expected(version: int) -> list[tuple[str, str, str, str | None]]:
    """The schema that the migrations up to a version make."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        segments.provide(db)
        db.executescript("".join(MIGRATIONS[: max(0, version)]))
        return _schema(db)


def _read_through(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(CHUNK):
            pass
