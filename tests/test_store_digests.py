"""Digests agree with their tables after anything that is written, and with nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.counting.ledger import RowKey
from exporter.store import digests
from exporter.store.digests import DIGESTED
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
    "waiting": (
        "INSERT INTO waiting VALUES (1, -7, 5, 6), (1, 8, 5, 6)",
        "UPDATE waiting SET seen = 9 WHERE hash = -7",
        "DELETE FROM waiting WHERE hash = 8",
    ),
    "series": (
        "INSERT INTO series VALUES (1, 'a', 's', 'm', 'k', 'ok', 'false', 0, x'01'),"
        " (2, 'a', 's', 'm', 'k', 'ok', 'true', 0, x'02')",
        "UPDATE series SET slots = x'0300', released = 3 WHERE id = 1",
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
    db.executescript("".join(MIGRATIONS) + digests.compute())


def kept(db: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    return {name: (rows, crcs) for name, rows, crcs in db.execute("SELECT * FROM digests")}


def held(db: sqlite3.Connection, table: str) -> tuple[int, int]:
    """What a digest must say of a table, by another way."""
    rows = db.execute(f"SELECT {', '.join(DIGESTED[table])} FROM {table}").fetchall()
    fields = ([field if isinstance(field, bytes) else str(field).encode() for field in row] for row in rows)
    return len(rows), sum(crc32(b"\0".join(row)) for row in fields)


def settled_sums(db: sqlite3.Connection) -> dict[int, tuple[int, ...]]:
    return {source: tuple(sums) for source, *sums in db.execute("SELECT * FROM settled_sums")}


def sums(rows: dict[RowKey, int]) -> tuple[int, ...]:
    """Rows, seconds, upper and lower halves of the hashes, marks."""
    halves = [divmod(key.hash, 2**32) for key in rows]
    seconds = sum(key.second for key in rows)
    return len(rows), seconds, sum(high for high, _ in halves), sum(low for _, low in halves), sum(rows.values())


# Small tables


def test_the_digest_of_a_row_is_part_of_the_file_s_format() -> None:
    assert digests.row_crc("commits", "2") == 976785159
    assert digests.row_crc("é", -5, None, b"\xff\x00") == crc32(b"\xc3\xa9\x00-5\x00None\x00\xff\x00")


def test_every_table_but_the_digests_own_and_the_ids_is_digested_with_all_its_columns(db: sqlite3.Connection) -> None:
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    columns = {
        table: tuple(name for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,)))
        for table in tables
    }
    assert {table: columns[table] for table in DIGESTED} == DIGESTED
    assert set(tables) - set(DIGESTED) == {"digests", "settled", "settled_sums"}
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
        db.executescript("".join(MIGRATIONS))
        for insert, update, _ in WRITES.values():
            db.execute(insert)
            db.execute(update)
        db.execute("INSERT INTO settled VALUES (1, 5, -6, 7), (1, 6, 6, 8), (2, 7, 9, 1)")
        db.executescript(digests.compute())
        assert kept(db) == {table: held(db, table) for table in DIGESTED}
        assert settled_sums(db) == {
            1: sums({RowKey(5, -6): 7, RowKey(6, 6): 8}),
            2: sums({RowKey(7, 9): 1}),
        }
        assert digests.differing(db) == []


@pytest.mark.parametrize("table", DIGESTED)
def test_a_table_that_was_changed_behind_the_digests_back_is_named(db: sqlite3.Connection, table: str) -> None:
    insert, update, delete = WRITES[table]
    db.execute(insert)
    for event in ("UPDATE", "DELETE"):
        db.execute(f"DROP TRIGGER {table}_{event}")
    for change in (update, delete):
        db.execute(change)
        assert digests.differing(db) == [table]


def test_all_tables_that_differ_are_named_in_order_the_ids_last(db: sqlite3.Connection) -> None:
    db.execute("UPDATE digests SET row_count = 1 WHERE name = 'spend'")
    db.execute("UPDATE digests SET crcs = 1 WHERE name = 'meta'")
    db.execute("DELETE FROM digests WHERE name = 'series'")
    db.execute("INSERT INTO digests VALUES ('other', 0, 0)")
    db.execute("INSERT INTO settled VALUES (1, 1, 1, 1)")
    assert digests.differing(db) == ["meta", "other", "series", "spend", "settled"]


# The ids

KEYS = [RowKey(5, -(2**63)), RowKey(6, -1), RowKey(6, 2**63 - 1), RowKey(7, 2**32), RowKey(9, 0)]
"""In order: what is written in order is a slice of the table."""


def rows_of(db: sqlite3.Connection, source: int) -> dict[RowKey, int]:
    found = db.execute("SELECT second, hash, mark FROM settled WHERE source = ?", (source,))
    return {RowKey(second, hash_): mark for second, hash_, mark in found}


@pytest.mark.parametrize(
    "known",
    [KEYS[:0], KEYS[:1], KEYS[-1:], KEYS[1:3], KEYS[::2], KEYS],
    ids=["none", "first", "last", "two in a row", "every other", "all"],
)
def test_rows_that_are_known_get_their_new_marks_and_the_sums_say_so(
    db: sqlite3.Connection, known: list[RowKey]
) -> None:
    other_list = {RowKey(5, 1): 1000}
    digests.write_settled(db, 2, other_list)
    digests.write_settled(db, 1, dict.fromkeys(known, 16))
    fresh = {key: 100 + number for number, key in enumerate(KEYS)}
    digests.write_settled(db, 1, dict(reversed(fresh.items())))
    assert (rows_of(db, 1), rows_of(db, 2)) == (fresh, other_list)
    assert settled_sums(db) == {1: sums(fresh), 2: sums(other_list)}
    assert digests.differing(db) == []


def test_no_rows_leave_no_sums(db: sqlite3.Connection) -> None:
    digests.write_settled(db, 1, {})
    assert settled_sums(db) == {}


def test_rows_are_deleted_from_one_list_and_from_its_sums(db: sqlite3.Connection) -> None:
    rows = {key: 100 + number for number, key in enumerate(KEYS)}
    for source in (1, 2):
        digests.write_settled(db, source, rows)
    digests.delete_settled(db, 1, "second < ? AND mark > ?", (7, 100))
    left = {key: mark for key, mark in rows.items() if key.second >= 7 or mark == 100}
    assert rows_of(db, 1) == left
    assert settled_sums(db) == {1: sums(left), 2: sums(rows)}
    assert digests.differing(db) == []


def test_a_list_all_of_whose_rows_are_forgotten_is_in_order(db: sqlite3.Connection) -> None:
    digests.write_settled(db, 1, dict.fromkeys(KEYS, 16))
    digests.delete_settled(db, 1, "second >= ?", (0,))
    assert settled_sums(db) == {1: (0, 0, 0, 0, 0)}
    assert digests.differing(db) == []


def test_what_deletes_one_row_takes_it_from_the_sums(db: sqlite3.Connection) -> None:
    digests.write_settled(db, 1, dict.fromkeys(KEYS, 16))
    digests.delete_settled(db, 1, "second = ?", (9,))
    assert settled_sums(db) == {1: sums(dict.fromkeys(KEYS[:-1], 16))}


def test_a_row_of_the_second_0_is_taken_from_the_sums_too(db: sqlite3.Connection) -> None:
    digests.write_settled(db, 1, {RowKey(0, 0): 0, RowKey(1, 0): 16})
    digests.delete_settled(db, 1, "second = ?", (0,))
    assert (rows_of(db, 1), settled_sums(db)) == ({RowKey(1, 0): 16}, {1: sums({RowKey(1, 0): 16})})


def test_what_deletes_no_row_writes_nothing(db: sqlite3.Connection) -> None:
    digests.write_settled(db, 1, dict.fromkeys(KEYS, 16))
    before = db.total_changes
    digests.delete_settled(db, 1, "second > ?", (9,))
    assert db.total_changes == before


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM settled WHERE second = 9",
        "UPDATE settled SET second = 8 WHERE second = 9",
        "UPDATE settled SET hash = hash + 1 WHERE second = 9",
        "UPDATE settled SET hash = hash + 4294967296 WHERE second = 9",
        "UPDATE settled SET mark = mark + 1 WHERE second = 9",
        "UPDATE settled SET source = 3",
        "INSERT INTO settled VALUES (2, 0, 0, 0)",
        "DELETE FROM settled_sums",
        "INSERT INTO settled_sums VALUES (2, 0, 0, 0, 0, 1)",
    ],
)
def test_ids_that_were_changed_behind_the_sums_back_are_noticed(db: sqlite3.Connection, change: str) -> None:
    digests.write_settled(db, 1, dict.fromkeys(KEYS, 16))
    db.execute(change)
    assert digests.differing(db) == ["settled"]


keys = st.builds(RowKey, st.integers(0, 3), st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2))
batches = st.lists(st.dictionaries(keys, st.integers(0, 2**33), max_size=6), max_size=5)


@given(pages=batches)
def test_the_sums_are_of_the_rows_whatever_is_written(pages: list[dict[RowKey, int]]) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        begin(db)
        expected: dict[RowKey, int] = {}
        for rows in pages:
            digests.write_settled(db, 1, rows)
            expected |= rows
            assert rows_of(db, 1) == expected
            assert settled_sums(db).get(1, (0,) * 5) == sums(expected)
