"""Opening a ledger: permissions, lock, integrity, migrations, and messages that say what to do."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from exporter.models import FailureReason, PollError
from exporter.store.schema import APPLICATION_ID, MIGRATIONS, VERSION


class LedgerError(Exception):
    """The ledger cannot be used; the message says what to do."""


class LedgerCorrupt(LedgerError):
    """The ledger's file is damaged, or not a ledger."""


def connect(path: Path) -> sqlite3.Connection:
    """Create the file if need be, readable by its owner only, and connect to it. Raises LedgerError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return sqlite3.connect(path, isolation_level=None, timeout=1.0, cached_statements=64)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(
            f"the ledger {path} cannot be opened for writing: {error} (ledger.path must be on a writable local disk)"
        ) from None


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors while opening or loading into messages that say what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise LedgerError(
                f"the ledger {path} is in use by another process: only one exporter may count into it"
            ) from None
        raise LedgerError(f"the ledger {path} cannot be used: {error}") from None
    except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
        raise LedgerCorrupt(corrupt(path, str(error))) from None


@contextlib.contextmanager
def as_poll_error() -> Iterator[None]:
    """Turn SQLite's errors while running into a failed poll."""
    try:
        yield
    except sqlite3.Error as error:
        raise PollError(FailureReason.LEDGER, f"the ledger could not be used: {error}") from error


def corrupt(path: Path, problem: str) -> str:
    """Say what is damaged, and how to recover, in one line."""
    said = " ".join(problem.split())
    return (
        f"the ledger {path} is damaged ({said}). It is not replaced by itself, because every counter would start again"
        f" from 0. To recover: restore {path.name} from a backup; or, to begin a new ledger, move it away"
        f" (mv {path} {path}.damaged; rm -f {path}-wal) and start again: counting then resumes from now, and the time"
        f' since its last commit is reported in vlmrun_exporter_coverage_gap_seconds{{state="lost"}}.'
    )


def prepare(db: sqlite3.Connection, path: Path, layout: str, *, lost: Mapping[str, int]) -> None:
    """Lock, check and migrate an open file; a new one notes the frontiers of the ledger ``lost`` before it.

    Raises LedgerError, or what SQLite raises.
    """
    # Exclusive from the first read on: no second process, and no second connection (SQLite before 3.51.3 could
    # reset the log under one).
    log = path.with_name(f"{path.name}-wal")
    pending = log.exists() and log.stat().st_size > 0  # such a log may yet complete the last page
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("BEGIN EXCLUSIVE")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    application = db.execute("PRAGMA application_id").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    page_size = db.execute("PRAGMA page_size").fetchone()[0]
    size = path.stat().st_size
    db.execute("ROLLBACK")  # COMMIT would write a header into a file of a few bytes
    # Nothing has been written so far: what is not ours is left as it is.
    if tables and application != APPLICATION_ID:
        raise LedgerCorrupt(
            f"{path} is an SQLite file, but not a ledger of vlmrun-exporter: set ledger.path to a file of its own"
        )
    if not pending and size % page_size:
        raise LedgerCorrupt(corrupt(path, "its last page is cut"))
    if version > VERSION:
        raise LedgerError(
            f"the ledger {path} has schema version {version}, made by a newer vlmrun-exporter; this one knows"
            f" up to {VERSION}: run the newer version"
        )
    path.chmod(0o600)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if problems := [row[0] for row in db.execute("PRAGMA quick_check(3)") if row[0] != "ok"]:
        raise LedgerCorrupt(corrupt(path, "; ".join(problems)))
    _migrate(db, version)
    _identify(db, path, layout, lost)


def _migrate(db: sqlite3.Connection, version: int) -> None:
    for number in range(version, VERSION):
        db.executescript(
            f"BEGIN; {MIGRATIONS[number]} PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {number + 1}; COMMIT;"
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
            f" made it, or move it away (mv {path} {path}.old; rm -f {path}-wal) to begin a new one"
        )
