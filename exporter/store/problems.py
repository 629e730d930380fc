"""What can be wrong with a ledger, in messages of one line that say what to do."""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from exporter.models import FailureReason, PollError

IN_USE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

OF_THE_SYSTEM = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_MISUSE,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
"""SQLite's codes for what may work at the next try. Any other is damage: no statement of ours fails on a sound file."""


class LedgerError(Exception):
    """The ledger cannot be used; the message says what to do."""


class LedgerCorrupt(LedgerError):
    """The ledger's file is damaged, or not a ledger."""


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors while opening or loading into messages that say what to do."""
    try:
        yield
    except (sqlite3.InterfaceError, sqlite3.ProgrammingError, OSError) as error:
        raise unusable(path, error) from None
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # without what SQLite adds to it
        if code in IN_USE:
            raise LedgerError(
                f"the ledger {path} is in use by another process: only one exporter may count into it"
            ) from None
        if code in OF_THE_SYSTEM:
            raise unusable(path, error) from None
        raise LedgerCorrupt(corrupt(path, str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # SQLite quotes a damaged schema as it is
        raise LedgerCorrupt(corrupt(path, str(error))) from None


@contextlib.contextmanager
def as_poll_error() -> Iterator[None]:
    """Turn SQLite's errors while running into a failed poll."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise PollError(FailureReason.LEDGER, f"the ledger could not be used: {error}") from error


def unusable(path: Path, error: Exception) -> LedgerError:
    """Say that the system does not let the ledger be used: it may be in order."""
    return LedgerError(f"the ledger {path} cannot be used: {error} (is its disk full, failing or read-only?)")


def corrupt(path: Path, problem: str) -> str:
    """Say what is damaged, and how to recover, in one line."""
    said = " ".join(problem.split())
    log = shlex.quote(f"{path}-wal")
    return (
        f"the ledger {path} is damaged ({said}). It is not replaced by itself, because every counter would start again"
        f" from 0. To recover: restore {path.name} from a backup, without a log of another time beside it (rm -f {log}"
        f" first); or, to begin a new ledger, move it away ({move_away(path, 'damaged')}) and start again: counting"
        " then resumes from now, and the time since its last commit is reported in"
        ' vlmrun_exporter_coverage_gap_seconds{state="lost"}.'
    )


def move_away(path: Path, suffix: str) -> str:
    """The commands that make room for a new ledger."""
    old, new, log = (shlex.quote(name) for name in (str(path), f"{path}.{suffix}", f"{path}-wal"))
    return f"mv {old} {new}; rm -f {log}"
