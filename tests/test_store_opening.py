"""Opening a ledger: who may read its files, where it may be, and the tables of a new one."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from exporter.store import LedgerError, Store
from exporter.store.opening import connect
from exporter.store.schema import APPLICATION_ID, VERSION
from tests.ledgers import LAYOUT, mode, opened, page


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_only_the_owner_can_read_the_files(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with opened(path) as store:
            store.commit(page(0))
            files = sorted(path.parent.iterdir())
            assert [file.name for file in files] == ["ledger.db", "ledger.db-wal", "ledger.db.mark"]
            assert [mode(file) for file in files] == [0o600] * 3
    finally:
        os.umask(before)
    assert mode(path.parent) == 0o700


def test_its_folders_are_made_with_it(tmp_path: Path) -> None:
    path = tmp_path / "var" / "lib" / "ledger.db"
    with opened(path) as store:
        store.commit(page(0))
    assert mode(path.parent) == 0o700


def test_a_new_file_is_at_no_time_open_to_others(path: Path) -> None:
    before = os.umask(0)
    try:
        connect(path).close()
    finally:
        os.umask(before)
    assert mode(path) == 0o600


def test_a_ledger_in_use_is_waited_for_a_second_at_most(path: Path) -> None:
    with closing(connect(path)) as db:
        assert db.execute("PRAGMA busy_timeout").fetchone() == (1000,), "ms"


def test_a_ledger_that_others_could_read_is_closed_to_them(path: Path) -> None:
    with opened(path):
        pass
    path.chmod(0o644)
    with opened(path):
        assert mode(path) == 0o600


def test_a_ledger_that_cannot_be_created_says_where_it_may_be(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(LedgerError) as caught:
        Store(blocked / "ledger.db", LAYOUT)
    assert str(caught.value) == (
        f"the ledger {blocked}/ledger.db cannot be opened for writing: [Errno 17] File exists: '{blocked}'"
        " (ledger.path must be on a writable local disk)"
    )
    with pytest.raises(LedgerError) as caught:
        Store(tmp_path, LAYOUT)
    assert str(caught.value) == (
        f"the ledger {tmp_path} cannot be opened for writing: [Errno 21] Is a directory: '{tmp_path}'"
        " (ledger.path must be on a writable local disk)"
    )


def test_a_database_without_tables_becomes_a_ledger(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:  # as left by a process killed before it made the tables
        db.execute("PRAGMA journal_mode = WAL")
        assert db.execute("PRAGMA user_version").fetchone() == (0,)
    assert path.stat().st_size > 0
    with opened(path) as store:
        store.commit(page(0))
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_every_table_is_strict_about_types(path: Path) -> None:
    with opened(path) as store:
        tables = {
            name: strict
            for _, name, kind, _, _, strict in store._db.execute("PRAGMA main.table_list")
            if kind == "table" and not name.startswith("sqlite_")
        }
        assert tables and set(tables.values()) == {1}
        with pytest.raises(sqlite3.IntegrityError):
            store._db.execute("INSERT INTO requests VALUES ('acme', 'yesterday')")
