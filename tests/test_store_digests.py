"""Digests agree with their tables after anything that is written, and with nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from zlib import crc32

import msgspec
import pytest

from exporter.store import digests, segments
from exporter.store.digests import BLOBS, DIGESTED
from exporter.store.schema import MIGRATIONS

WRITES = {
    "meta": (
        "INSERT INTO meta VALUES ('epoch', 'e'), ('commits', '1')",
        "UPDATE meta SET value = '2' WHERE key = 'commits'",
        "DELETE FROM meta WHERE key = 'epoch'",
    ),
    "sources": (
        "INSERT INTO sources VALUES (1, 'acme', 'completions', x'7b7d'), (2, 'acme', 'requests', NULL)",
        "UPDATE sources SET coverage = x'ff00' WHERE id = 2",
        "DELETE FROM sources WHERE id = 1",
    ),
    "segments": (
        "INSERT INTO segments VALUES (1, 1, 4, 3600, 3700, x'00ff'), (2, 1, 4, 3650, 3700, x'0001')",
        "UPDATE segments SET entries = x'00fe' WHERE id = 1",
        "DELETE FROM segments WHERE id = 2",
    ),
    "vanished": (
        "INSERT INTO vanished VALUES (1, 5, -6), (1, 5, 6)",
        "UPDATE vanished SET second = 6 WHERE hash = 6",
        "DELETE FROM vanished WHERE hash = -6",
    ),
    "waiting": (
        "INSERT INTO waiting VALUES (1, -7, 5, 6), (1, 8, 5, 6)",
        "UPDATE waiting SET seen = 9 WHERE hash = -7",
        "DELETE FROM waiting WHERE hash = 8",
    ),
    "series": (
        "INSERT INTO series VALUES (1, 'a', 's', 'm', 'k', 'ok', 'false', 0, x'01'),"
        " (2, 'a', 's', 'm', 'k', 'ok', 'true', 0, x'02')",
        "UPDATE series SET slots = x'0300', released = 3 WHERE id = 1",
        "UPDATE series SET slots = x'0301' WHERE id = 1",
        "UPDATE series SET released = 7, id = 4 WHERE id = 1",
        "DELETE FROM series WHERE id = 2",
    ),
    "counters": (
        "INSERT INTO counters VALUES ('polls', '[]', 1), ('polls', '[\"é\"]', 2)",
        "UPDATE counters SET value = value + 1",
        "DELETE FROM counters WHERE labels = '[]'",
    ),
    "spend": (
        "INSERT INTO spend VALUES (1, 10, 100), (1, 11, 100)",
        "UPDATE spend SET credits = 200 WHERE quarter = 11",
        "DELETE FROM spend WHERE quarter = 10",
    ),
    "offenders": (
        "INSERT INTO offenders VALUES (1, x'5b5d')",
        "UPDATE offenders SET entries = x'5b315d'",
        "DELETE FROM offenders",
    ),
    "requests": (
        "INSERT INTO requests VALUES ('acme', 1), ('acme', 1), ('globex', 2)",
        "UPDATE requests SET at = 3 WHERE account = 'globex'",
        "DELETE FROM requests WHERE at = 1",
    ),
}
"""Of every table: rows that are new, changed and deleted."""


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        begin(connection)
        digests.keep(connection)
        yield connection


def begin(db: sqlite3.Connection) -> None:
    """Make the tables, and the digests of what is in them: nothing."""
    digests.provide(db)
    segments.provide(db)
    db.executescript("".join(MIGRATIONS) + digests.compute())


def kept(db: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    return {name: (rows, crcs) for name, rows, crcs in db.execute("SELECT * FROM digests")}


def held(db: sqlite3.Connection, table: str) -> tuple[int, int]:
    """What a digest must say of a table, by another way."""
    rows = db.execute(f"SELECT {', '.join(DIGESTED[table])} FROM {table}").fetchall()
    blobs = db.execute(f"SELECT id, {BLOBS[table]} FROM {table}").fetchall() if table in BLOBS else []
    return len(rows), sum(crc32(msgspec.msgpack.encode(row)) for row in rows) + sum(crc32(b, id_) for id_, b in blobs)


def test_the_digest_of_a_row_is_part_of_the_file_s_format() -> None:
    assert digests.row_crc("commits", "2") == crc32(b"\x92\xa7commits\xa12")
    row = b"\x96\xa2\xc3\xa9\xfb\xcd\x03\xe8\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\xc0\xc4\x02\xff\x00"
    assert digests.row_crc("é", -5, 1000, 2**63 - 1, None, b"\xff\x00") == crc32(row)
    assert digests.row_crc(bytes(1000)) == crc32(b"\x91\xc5\x03\xe8" + bytes(1000))


def test_every_table_but_the_digests_own_is_digested_with_all_its_columns(db: sqlite3.Connection) -> None:
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    columns = {
        table: tuple(name for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,)))
        for table in tables
    }
    digested = {table: (*known, BLOBS[table]) if table in BLOBS else known for table, known in DIGESTED.items()}
    assert {table: columns[table] for table in DIGESTED} == digested
    assert set(tables) - set(DIGESTED) == {"digests"}
    assert WRITES.keys() == DIGESTED.keys()


@pytest.mark.parametrize("table", DIGESTED)
def test_a_digest_follows_what_is_written_to_its_table_and_to_no_other(db: sqlite3.Connection, table: str) -> None:
    empty = dict.fromkeys(DIGESTED, (0, 0))
    assert kept(db) == empty
    for write in WRITES[table]:
        before = kept(db)
        db.execute(write)
        assert kept(db) == {**empty, table: held(db, table)} != before
        assert digests.differing(db) == []


def test_digests_of_a_ledger_from_before_there_were_any_are_of_what_it_holds() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        digests.provide(db)
        segments.provide(db)
        db.executescript("".join(MIGRATIONS))
        for insert, update, *_ in WRITES.values():
            db.execute(insert)
            db.execute(update)
        db.executescript(digests.compute())
        assert kept(db) == {table: held(db, table) for table in DIGESTED}
        assert digests.differing(db) == []


@pytest.mark.parametrize("table", DIGESTED)
def test_a_table_that_was_changed_behind_the_digests_back_is_named(db: sqlite3.Connection, table: str) -> None:
    insert, *changes = WRITES[table]
    db.execute(insert)
    for (trigger,) in db.execute("SELECT name FROM sqlite_temp_schema WHERE tbl_name = ?", (table,)).fetchall():
        db.execute(f"DROP TRIGGER {trigger}")
    for change in changes:
        db.execute(change)
        assert digests.differing(db) == [table]


def test_all_tables_that_differ_are_named_in_order(db: sqlite3.Connection) -> None:
    db.execute("UPDATE digests SET row_count = 1 WHERE name = 'spend'")
    db.execute("UPDATE digests SET crcs = 1 WHERE name = 'meta'")
    db.execute("DELETE FROM digests WHERE name = 'series'")
    db.execute("INSERT INTO digests VALUES ('other', 0, 0)")
    assert digests.differing(db) == ["meta", "other", "series", "spend"]
