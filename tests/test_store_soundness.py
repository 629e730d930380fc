"""Whether a ledger's file is sound: a fault of the disk is no damage, and damage is no fault of the disk."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PosixPath
from typing import Any

import pytest

from exporter.store import digests, former, segments, soundness
from exporter.store.schema import APPLICATION_ID, MIGRATIONS, VERSION

TABLES = {"meta", "sources", "segments", "vanished", "waiting", "series", "counters", "spend", "offenders", "requests"}
FORMER_TABLES = TABLES - {"segments", "vanished"} | {"settled"}
INDEXES = {"requests_by_account", "segments_by_time", "sqlite_autoindex_sources_1", "sqlite_autoindex_series_1"}


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        digests.provide(connection)
        segments.provide(connection)
        connection.executescript("".join(MIGRATIONS) + digests.compute())
        yield connection


class Disk(PosixPath):
    """A file of three pieces, of which the system can read ``readable``."""

    readable = 3

    def open(self, *arguments: Any, **more: Any) -> Any:
        assert arguments == ("rb",), "as it is: no text is looked for in it"
        return Pieces(self.readable)


class Pieces(io.RawIOBase):
    def __init__(self, readable: int) -> None:
        self._readable = readable
        self._read = 0

    def read(self, size: int = -1, /) -> bytes:
        assert 0 < size <= 2**24, "a ledger may be larger than the memory"
        if self._read == 3:
            return b""
        if self._read == self._readable:
            raise OSError(5, "Input/output error")
        self._read += 1
        return b"x" * size


def damaged(monkeypatch: pytest.MonkeyPatch, *said: str) -> None:
    """SQLite's check says this, one time after another."""
    answers = iter(said)
    monkeypatch.setattr(soundness, "_structure", lambda db: next(answers))


def test_a_ledger_is_known_by_its_tables() -> None:
    assert soundness.is_ours(TABLES | INDEXES | {"digests", "other"})
    assert soundness.is_ours(FORMER_TABLES | INDEXES)
    assert soundness.is_ours(FORMER_TABLES | INDEXES | {"digests", "settled_sums"})
    for name in TABLES | {"digests"}:
        assert not soundness.is_ours((TABLES | INDEXES | {"digests"}) - {name})
    for name in FORMER_TABLES:
        assert not soundness.is_ours((FORMER_TABLES | INDEXES) - {name})
    assert not soundness.is_ours(set())


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_a_ledger_of_every_version_is_known_by_what_its_schema_names(version: int) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        segments.provide(db)
        db.executescript("".join(MIGRATIONS[:version]))
        assert soundness.is_ours({name for (name,) in db.execute("SELECT name FROM sqlite_schema")})


def test_a_ledger_that_holds_what_was_written_to_it_has_no_problem(db: sqlite3.Connection) -> None:
    assert soundness.problem(db, Disk("ledger.db"), APPLICATION_ID, VERSION) is None


def test_a_read_that_fails_once_is_no_damage(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged(monkeypatch, "disk I/O error", "")
    assert soundness.problem(db, Disk("ledger.db"), APPLICATION_ID, VERSION) is None


def test_what_the_system_can_read_and_sqlite_cannot_is_damage(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged(monkeypatch, "first", "second")
    assert soundness.problem(db, Disk("ledger.db"), APPLICATION_ID, VERSION) == "second"


@pytest.mark.parametrize("readable", [0, 1, 2])
def test_what_the_system_cannot_read_to_its_end_is_no_damage(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, readable: int
) -> None:
    damaged(monkeypatch, "first", "second")
    monkeypatch.setattr(Disk, "readable", readable)
    with pytest.raises(OSError, match="Input/output error"):
        soundness.problem(db, Disk("ledger.db"), APPLICATION_ID, VERSION)


@pytest.mark.parametrize(
    ("application", "version"),
    [(APPLICATION_ID + 1, VERSION), (0, VERSION), (APPLICATION_ID, VERSION - 1), (APPLICATION_ID, 0)],
)
def test_another_mark_or_version_than_that_of_the_schema_is_damage(
    db: sqlite3.Connection, application: int, version: int
) -> None:
    said = soundness.problem(db, Path("ledger.db"), application, version)
    assert said == "its schema is not that of a ledger"


@pytest.mark.parametrize("version", [-1, 0])
def test_before_the_first_version_there_is_no_table(version: int) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        assert soundness.problem(db, Path("ledger.db"), APPLICATION_ID, version) is None
        db.execute("CREATE TABLE other (x)")
        assert soundness.problem(db, Path("ledger.db"), APPLICATION_ID, version) is not None


def test_a_ledger_of_the_first_version_has_no_digests_to_be_compared_with() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(MIGRATIONS[0])
        db.execute("INSERT INTO requests VALUES ('acme', 1)")
        assert soundness.problem(db, Path("ledger.db"), APPLICATION_ID, 1) is None


def test_a_ledger_of_the_second_version_is_compared_with_the_digests_of_then() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript("".join(MIGRATIONS[:2]))
        db.executemany("INSERT INTO digests VALUES (?, 0, 0)", [(table,) for table in former.DIGESTED])
        assert soundness.problem(db, Path("ledger.db"), APPLICATION_ID, 2) is None
        db.execute("INSERT INTO requests VALUES ('acme', 1)")
        said = soundness.problem(db, Path("ledger.db"), APPLICATION_ID, 2)
        assert said == "not what was written to it: requests"


def test_the_tables_that_differ_from_what_was_written_are_named(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO requests VALUES ('acme', 1)")
    db.execute("INSERT INTO meta VALUES ('a', 'b')")
    said = soundness.problem(db, Path("ledger.db"), APPLICATION_ID, VERSION)
    assert said == "not what was written to it: meta, requests"


def test_what_the_check_itself_stumbles_over_is_damage_if_the_system_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as db:
        segments.provide(db)
        db.executescript("".join(MIGRATIONS))
        page_size = db.execute("PRAGMA page_size").fetchone()[0]
    good = path.read_bytes()
    path.write_bytes(good[: 3 * page_size] + b"\xff" * page_size + good[4 * page_size :])
    with closing(sqlite3.connect(path)) as broken:
        with pytest.raises(sqlite3.DatabaseError, match="malformed"):
            broken.execute("PRAGMA integrity_check").fetchall()
        assert soundness.problem(broken, path, APPLICATION_ID, VERSION) == "database disk image is malformed"


def test_an_error_of_the_system_amid_the_check_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as holder, closing(sqlite3.connect(path, timeout=0)) as db:
        segments.provide(holder)
        holder.executescript("".join(MIGRATIONS) + "BEGIN EXCLUSIVE;")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            soundness.problem(db, path, APPLICATION_ID, VERSION)


def test_the_first_three_problems_of_a_file_are_said(db: sqlite3.Connection, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    db.executemany("INSERT INTO requests VALUES ('acme', ?)", [(at,) for at in range(5)])
    names = ("requests_by_account", "sqlite_autoindex_sources_1")
    pages = [db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0] for name in names]
    db.execute("PRAGMA writable_schema = ON")
    for name, other in zip(names, reversed(pages), strict=True):  # an index that lacks every row of its table
        db.execute("UPDATE sqlite_schema SET rootpage = ? WHERE name = ?", (other, name))
    path.write_bytes(db.serialize())
    with closing(sqlite3.connect(path)) as broken:
        said = soundness.problem(broken, path, APPLICATION_ID, VERSION)
    assert said is not None
    assert sorted(said.split("; ")) == [
        "row 1 missing from index requests_by_account",
        "row 2 missing from index requests_by_account",
        "wrong # of entries in index sqlite_autoindex_sources_1",
    ]
