"""The ids of counted rows: what a segment is on disk, and which of them a page reads."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing

import pytest

from exporter.counting.ledger import VANISHED, RowKey
from exporter.store import segments
from exporter.store.schema import MIGRATIONS
from tests.ledgers import ids_held

NOON = 1_800_000_000 // 900 * 900
HASHES = [-(2**63), -1, 0, 2**32, 2**63 - 1]


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        segments.provide(connection)
        connection.executescript("".join(MIGRATIONS))
        yield connection


def held(db: sqlite3.Connection) -> list[tuple[int, ...]]:
    """Every segment: its list, quarter of an hour, and the seconds of its oldest and newest row."""
    return db.execute("SELECT source, quarter, oldest, newest FROM segments ORDER BY id").fetchall()


def test_a_segment_is_what_the_next_version_can_read(db: sqlite3.Connection) -> None:
    rows = {RowKey(NOON + 899, -(2**63)): 16, RowKey(NOON + 5, 2**63 - 1): 2**32 + 15}
    segments.write(db, 7, rows)
    entries = struct.pack("=2q2I2H", -(2**63), 2**63 - 1, 0, 2**32 - 1, 899, 5)
    assert db.execute("SELECT * FROM segments").fetchall() == [(1, 7, NOON // 900, NOON + 5, NOON + 899, entries)]
    assert db.execute("SELECT * FROM vanished").fetchall() == []


def test_ids_of_an_earlier_version_are_packed_as_those_of_today(db: sqlite3.Connection) -> None:
    rows = f"VALUES ({-(2**63)}, 0, {2**16 - 1}), ({2**63 - 1}, {2**32 - 1}, 0)"
    (packed,) = db.execute(f"SELECT pack_segment(column1, column2, column3) FROM ({rows})").fetchone()
    assert packed == struct.pack("=2q2I2H", -(2**63), 2**63 - 1, 0, 2**32 - 1, 2**16 - 1, 0)


def test_every_mark_is_found_as_it_was_written(db: sqlite3.Connection) -> None:
    rows = {RowKey(NOON + 899 * (hash_ > 0), hash_): 16 + (2**32 - 1) * (hash_ < 0) for hash_ in HASHES}
    segments.write(db, 1, rows)
    assert segments.marks(db, 1, [*rows]) == rows


def test_the_rows_of_a_page_are_one_segment_for_each_quarter_of_an_hour(db: sqlite3.Connection) -> None:
    rows = {RowKey(NOON + second, second): 16 + second for second in (1801, 1800, 1799, 950, 899, 0)}
    segments.write(db, 1, rows)
    first = NOON // 900
    assert sorted(held(db)) == [
        (1, first, NOON, NOON + 899),
        (1, first + 1, NOON + 950, NOON + 1799),
        (1, first + 2, NOON + 1800, NOON + 1801),
    ]
    assert ids_held(db) == {1: rows}
    assert segments.marks(db, 1, [*rows]) == rows
    assert segments.marks(db, 2, [*rows]) == {}


def test_no_rows_write_nothing_and_find_nothing(db: sqlite3.Connection) -> None:
    segments.write(db, 1, {})
    segments.write(db, 1, {RowKey(NOON, 1): VANISHED})
    assert held(db) == []
    assert segments.marks(db, 1, []) == {}


def test_the_last_mark_of_a_row_counts(db: sqlite3.Connection) -> None:
    rows = dict.fromkeys((RowKey(NOON, hash_) for hash_ in HASHES), 20)
    segments.write(db, 1, rows)
    for mark in (19, 30):
        segments.write(db, 1, {RowKey(NOON, -1): mark})
        assert segments.marks(db, 1, [*rows]) == rows | {RowKey(NOON, -1): mark}
    assert len(held(db)) == 3


def test_one_id_at_two_times_is_two_rows(db: sqlite3.Connection) -> None:
    rows = {RowKey(NOON, 1): 20, RowKey(NOON + 1, 1): 21}
    segments.write(db, 1, rows)
    asked = [RowKey(NOON + second, 1) for second in (2, 1, 0)]
    assert segments.marks(db, 1, asked) == rows


def test_a_page_reads_only_segments_of_its_own_time(db: sqlite3.Connection) -> None:
    """However far apart its rows are: a row in the wrong place must not have the whole ledger read."""
    for minute in range(0, 600):
        segments.write(db, 1, {RowKey(NOON + minute * 60, 1): 16 + minute})
    read: list[int] = []
    db.create_function("row_crc", 1, read.append)
    db.execute("ALTER TABLE segments RENAME TO stored")
    db.execute(
        "CREATE VIEW segments AS SELECT id, source, quarter, oldest, newest, iif(row_crc(id) IS NULL, entries, 0)"
        " AS entries FROM stored"
    )
    odd = [RowKey(NOON + 599 * 60, 1), RowKey(NOON + 598 * 60, 1), RowKey(NOON, 1)]
    assert segments.marks(db, 1, odd) == {odd[0]: 615, odd[1]: 614, odd[2]: 16}
    assert sorted(read) == [1, 599, 600]


def test_the_bounds_of_a_segment_belong_to_it(db: sqlite3.Connection) -> None:
    rows = {RowKey(NOON + second, second): 16 for second in (10, 20, 30)}
    segments.write(db, 1, rows)
    for key in rows:
        assert segments.marks(db, 1, [key]) == {key: 16}
