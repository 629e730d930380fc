"""A ledger for tests, and pages to commit to it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from exporter.counting import layout as slots
from exporter.counting.coverage import Coverage
from exporter.counting.history import History
from exporter.counting.layout import Layout
from exporter.counting.ledger import RowKey
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


def rows_held(store: Store) -> int:
    return int(store._db.execute("SELECT count(*) FROM settled").fetchone()[0])


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
