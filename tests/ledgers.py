"""A ledger for tests, and pages to commit to it."""

from __future__ import annotations

import sqlite3
import stat
import struct
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from exporter.counting import layout as slots
from exporter.counting.coverage import Coverage
from exporter.counting.history import History
from exporter.counting.layout import Layout
from exporter.counting.ledger import VANISHED, RowKey
from exporter.models import (
    MICRO,
    SECOND,
    CounterKey,
    SeriesKey,
    SourceKey,
)
from exporter.store import Changes, Store
from tests.clocks import START

LAYOUT = Layout.of(duration=[SECOND], time_to_first_token=[SECOND], output_length=[10], cost=[MICRO])
LIST = SourceKey("acme", "completions")
OTHER_LIST = SourceKey("acme", "requests")
SERIES = SeriesKey("acme", "completions", "m", "s", "success", "false")
POLLS: CounterKey = ("vlmrun_exporter_polls_total", ("acme", "completions"))
FIRST_SECOND = START // SECOND
QUARTER = START // (900 * SECOND)
PAGE_ROWS = 5


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    with closing(Store(path, LAYOUT)) as store:
        store.load()
        yield store


def coverage(*, proven: int = START, horizon: int = 0) -> Coverage:
    return Coverage(origin=0, proven=proven, horizon=horizon, max_lateness=0, history=History(top=0, done=0))


def settled(seconds: range) -> dict[RowKey, int]:
    """One counted row at each of these seconds."""
    return {RowKey(second, second * 7919): 16 + second for second in seconds}


def page(number: int) -> Changes:
    """The ``number``-th page of a list, from 0: five new rows, of 10 credits each."""
    first = FIRST_SECOND + number * PAGE_ROWS
    values = [0] * LAYOUT.size
    values[slots.COMPLETIONS] = (number + 1) * PAGE_ROWS
    return Changes(
        LIST,
        coverage(proven=START + number),
        settled=settled(range(first, first + PAGE_ROWS)),
        series={SERIES: values},
        counters={POLLS: 1},
        spend={QUARTER: PAGE_ROWS * 10 * MICRO},
    )


def ids_held(db: sqlite3.Connection) -> dict[int, dict[RowKey, int]]:
    """The mark of every id in a ledger, by the number of its list."""
    return ids_of(db.execute("SELECT * FROM vanished"), db.execute("SELECT * FROM segments ORDER BY id"))


def ids_of(vanished: Iterable[Any], segments: Iterable[Any]) -> dict[int, dict[RowKey, int]]:
    """The mark of every id in these rows of tables, by the number of its list; by another way than the exporter's."""
    ids: dict[int, dict[RowKey, int]] = {}
    for source, second, hash_ in vanished:
        ids.setdefault(source, {})[RowKey(second, hash_)] = VANISHED
    for _, source, quarter, _, _, entries in segments:
        rows = len(entries) // 14
        columns = struct.unpack(f"={rows}q{rows}I{rows}H", entries)
        hashes, fingerprints, offsets = columns[:rows], columns[rows : 2 * rows], columns[2 * rows :]
        for hash_, fingerprint, offset in zip(hashes, fingerprints, offsets, strict=True):
            ids.setdefault(source, {})[RowKey(quarter * 900 + offset, hash_)] = fingerprint + 16
    return ids


def rows_held(store: Store) -> int:
    return sum(map(len, ids_held(store._db).values()))


def pages_held(store: Store) -> int:
    """How many pages the ledger holds; fails if it holds a part of one."""
    contents = store.load()
    number = contents.counters.get(POLLS, 0)
    assert rows_held(store) == number * PAGE_ROWS
    assert contents.totals.get(SERIES, [0])[slots.COMPLETIONS] == number * PAGE_ROWS
    assert sum(contents.spend.get(LIST, {}).values()) == number * PAGE_ROWS * 10 * MICRO
    if number:
        assert contents.coverage[LIST].proven == START + number - 1
    return number


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
