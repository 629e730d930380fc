"""Ledgers of earlier versions: brought up to date with all that they held, unless they are damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from exporter.counting.ledger import UNKNOWN_FINGERPRINT, VANISHED, RowKey
from exporter.models import SECOND
from exporter.store import LedgerCorrupt, Store, digests, former
from exporter.store.schema import VERSION
from tests import formerledgers
from tests.clocks import START
from tests.ledgers import FIRST_SECOND, LAYOUT, LIST, OTHER_LIST, coverage, ids_held, opened, page, pages_held

TABLES = ("meta", "sources", "waiting", "series", "counters", "spend", "offenders", "requests")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


def ids(random: Random, count: int, marks: tuple[int, int]) -> dict[RowKey, int]:
    """Rows of some hours, many of them in the first and the last second of a quarter."""
    seconds = [FIRST_SECOND + random.choice((0, 899, 900, 1799, random.randrange(20_000))) for _ in range(count)]
    return {RowKey(second, random.getrandbits(64) - 2**63): random.randint(*marks) for second in seconds}


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """What an exporter of today wrote: two pages, and something in the other tables."""
    with opened(path) as store:
        for number in range(2):
            store.commit(page(number))
        store.record_request("acme", START)
        store._db.execute("INSERT INTO waiting VALUES (1, -7, 5, 6)")
        held = {name: store._db.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}
        held["settled"] = list(formerledgers.settled(ids_held(store._db)))
    for file in path.parent.iterdir():
        file.unlink()
    return held


@pytest.mark.parametrize("version", [1, 2])
def test_a_ledger_of_an_earlier_version_is_brought_up_to_date(path: Path, version: int) -> None:
    held = content(path)
    formerledgers.write(path, version, held)
    for number in (2, 3):
        with opened(path) as store:
            assert pages_held(store) == number
            if number == 2:
                assert {name: store._db.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES} == {
                    name: held[name] for name in TABLES
                }
            assert store._db.execute("PRAGMA user_version").fetchone() == (VERSION,)
            store.commit(page(number))


@pytest.mark.parametrize("version", [1, 2])
def test_every_id_of_an_earlier_version_is_known_but_for_its_fingerprint(path: Path, version: int) -> None:
    random = Random(version)
    held = content(path)
    held["sources"].append((2, *OTHER_LIST, None))
    lists = {number: ids(random, 3000, (16, 2**32 + 15)) for number in (1, 2)}
    vanished = ids(random, 50, (VANISHED, VANISHED))
    lists[1] |= vanished
    formerledgers.write(path, version, {**held, "settled": formerledgers.settled(lists)})
    expected = {number: dict.fromkeys(keys, UNKNOWN_FINGERPRINT) for number, keys in lists.items()}
    expected[1] |= vanished
    with opened(path) as store:
        assert ids_held(store._db) == expected
        for number, source in ((1, LIST), (2, OTHER_LIST)):
            assert store.marks(source, sorted(lists[number], reverse=True)) == expected[number]
            absent = [RowKey(key.second, key.hash ^ 1) for key in lists[number]]
            assert store.marks(source, absent) == {}
        store.commit(page(0))
    with opened(path) as store:
        assert store.marks(LIST, [*vanished]) == vanished


def test_ids_of_an_earlier_version_are_forgotten_with_their_quarter(path: Path) -> None:
    held = content(path)
    rows = {RowKey(FIRST_SECOND + second, 1): 16 for second in (0, 899, 900)}
    formerledgers.write(path, 2, {**held, "settled": formerledgers.settled({1: rows})})
    with opened(path) as store:
        store.commit(page(0))
        changes = page(1)
        changes.coverage, changes.settled = coverage(horizon=START + 900 * SECOND), {}
        store.commit(changes)
        assert store.marks(LIST, [*rows]) == {RowKey(FIRST_SECOND + 900, 1): 16}


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("settled", "UPDATE settled SET mark = mark + 1 WHERE second % 5 = 0"),
        ("settled", "UPDATE settled SET hash = hash + 4294967296 WHERE second % 5 = 0"),
        ("settled", "UPDATE settled SET hash = hash + 1 WHERE second % 5 = 0"),
        ("settled", "UPDATE settled SET second = second + 100000 WHERE second % 5 = 0"),
        ("settled", "DELETE FROM settled WHERE second % 5 = 0"),
        ("settled", "UPDATE settled SET source = source + 1"),
        ("settled", "INSERT INTO settled VALUES (2, 0, 0, 0)"),
        ("settled", "DELETE FROM settled_sums"),
        ("settled", "INSERT INTO settled_sums VALUES (2, 0, 0, 0, 0, 1)"),
        *(
            (table, f"UPDATE digests SET {column} = {column} + 1 WHERE name = '{table}'")
            for table in TABLES
            for column in ("row_count", "crcs")
        ),
        ("spend", "UPDATE spend SET credits = credits + 1"),
        ("series", "UPDATE series SET slots = CAST(slots || 'x' AS BLOB)"),
        ("requests", "DELETE FROM digests WHERE name = 'requests'"),
        ("other", "INSERT INTO digests VALUES ('other', 0, 0)"),
    ],
)
def test_a_damaged_ledger_of_version_2_is_refused_and_left_as_it_is(path: Path, table: str, change: str) -> None:
    formerledgers.write(path, 2, content(path))
    with closing(sqlite3.connect(path)) as db:
        assert former.differing(db) == []
        db.execute(change)
        db.commit()
    before = path.read_bytes()
    with pytest.raises(LedgerCorrupt, match=rf"is damaged \(not what was written to it: {table}\)"):
        Store(path, LAYOUT)
    assert path.read_bytes() == before


def test_the_tables_of_version_2_that_differ_are_named_in_order_the_ids_last(path: Path) -> None:
    formerledgers.write(path, 2, content(path))
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE digests SET crcs = 1 WHERE name IN ('spend', 'meta')")
        db.execute("DELETE FROM settled")
        assert former.differing(db) == ["meta", "spend", "settled"]


def test_a_list_of_version_2_all_of_whose_rows_are_forgotten_is_in_order(path: Path) -> None:
    formerledgers.write(path, 2, content(path))
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO settled_sums VALUES (2, 0, 0, 0, 0, 0)")
        assert former.differing(db) == []


def test_a_ledger_that_is_brought_up_to_date_has_digests_of_what_it_holds(path: Path) -> None:
    formerledgers.write(path, 1, content(path))
    with opened(path) as store:
        assert digests.differing(store._db) == []
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE segments SET entries = CAST(entries || 'x' AS BLOB)")
        db.commit()
    with pytest.raises(LedgerCorrupt, match=r"not what was written to it: segments"):
        Store(path, LAYOUT)
