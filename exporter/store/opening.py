"""Opening a ledger: permissions, lock, migrations, and its identity."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Mapping
from pathlib import Path

import msgspec

from exporter.store import digests, segments, soundness
from exporter.store.problems import LedgerCorrupt, LedgerError, corrupt, move_away
from exporter.store.schema import APPLICATION_ID, MIGRATIONS, VERSION


def connect(path: Path) -> sqlite3.Connection:
    """Create the file if need be, readable by its owner only, and connect to it. Raises LedgerError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return sqlite3.connect(path, isolation_level=None, timeout=1.0)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(
            f"the ledger {path} cannot be opened for writing: {error} (ledger.path must be on a writable local disk)"
        ) from None


def prepare(db: sqlite3.Connection, path: Path, layout: str, *, lost: Mapping[str, int], commits: int) -> None:
    """Lock, check and migrate an open file; a new one notes the frontiers of the ledger ``lost`` before it.

    ``commits`` is how many its mark knows of. Raises LedgerError, OSError or what SQLite raises.
    """
    # Exclusive from the first read on: no second process, and no second connection (SQLite before 3.51.3 could
    # reset the log under one).
    log = path.with_name(f"{path.name}-wal")
    pending = log.exists() and log.stat().st_size > 0  # such a log may yet complete the last page
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute("BEGIN EXCLUSIVE")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    application = db.execute("PRAGMA application_id").fetchone()[0]
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
    page_size = db.execute("PRAGMA page_size").fetchone()[0]
    size = path.stat().st_size
    db.execute("ROLLBACK")  # COMMIT would write a header into a file of a few bytes
    # Nothing has been written so far: what is not ours is left as it is.
    if tables and application != APPLICATION_ID and not soundness.is_ours(tables):
        raise LedgerCorrupt(
            f"{path} is an SQLite file, but not a ledger of vlmrun-exporter: set ledger.path to a file of its own"
        )
    if not pending and size % page_size:
        raise LedgerCorrupt(corrupt(path, "its last page is cut"))
    if not tables and commits:
        raise LedgerCorrupt(corrupt(path, f"it is empty after {commits} commits"))
    if application == APPLICATION_ID and version > VERSION:
        raise LedgerError(
            f"the ledger {path} has schema version {version}, made by a newer vlmrun-exporter; this one knows"
            f" up to {VERSION}: run the newer version"
        )
    digests.provide(db)
    segments.provide(db)
    if (tables or application or version) and (problem := soundness.problem(db, path, application, version)):
        beside = f"; the log {log.name} lay beside it" if pending else ""
        raise LedgerCorrupt(corrupt(path, problem + beside))
    path.chmod(0o600)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if version < VERSION:
        _migrate(db, version)
    digests.keep(db)
    _identify(db, path, layout, lost)


def _migrate(db: sqlite3.Connection, version: int) -> None:
    scripts = " ".join(MIGRATIONS[version:])
    db.executescript(
        f"BEGIN; {scripts} {digests.compute()} PRAGMA application_id = {APPLICATION_ID};"
        f" PRAGMA user_version = {VERSION}; COMMIT;"
    )


def _identify(db: sqlite3.Connection, path: Path, layout: str, lost: Mapping[str, int]) -> None:
    """Give a new ledger its identity; check that of an old one."""
    meta = dict(db.execute("SELECT key, value FROM meta"))
    if not meta:
        values = {
            "epoch": uuid.uuid4().hex,
            "commits": "0",
            "layout": layout,
            "lost": msgspec.json.encode(lost).decode(),
        }
        db.execute("BEGIN")
        db.executemany("INSERT INTO meta VALUES (?, ?)", list(values.items()))
        db.execute("COMMIT")
    elif meta["layout"] != layout:
        raise LedgerError(
            f"the ledger {path} has other histogram buckets than this version of the exporter: run the version that"
            f" made it, or move it away ({move_away(path, 'old')}) to begin a new one"
        )
