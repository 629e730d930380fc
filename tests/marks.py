"""Pages that each move the mark beside a ledger, and what the ledger and its mark say."""

from __future__ import annotations

from pathlib import Path

from exporter.counting import layout as slots
from exporter.counting.coverage import Coverage
from exporter.counting.history import History
from exporter.counting.ledger import RowKey
from exporter.models import SECOND, SourceKey
from exporter.store import Changes, Store, highwater
from exporter.store.highwater import HighWater
from tests.clocks import START
from tests.ledgers import LAYOUT, LIST, SERIES


def page(number: int, source: SourceKey = LIST) -> Changes:
    """The ``number``-th page of a list, from 0: one row, and the list proven for another second."""
    values = [0] * LAYOUT.size
    values[slots.COMPLETIONS] = number + 1
    history = History(top=0, done=0)
    covered = Coverage(origin=0, proven=START + number * SECOND, horizon=0, max_lateness=0, history=history)
    return Changes(source, covered, settled={RowKey(START // SECOND + number, number): 16}, series={SERIES: values})


def counted(store: Store) -> int:
    return store.load().totals.get(SERIES, [0])[slots.COMPLETIONS]


def mark_of(path: Path) -> HighWater:
    mark = highwater.read(highwater.mark_path(path))
    assert mark is not None
    return mark
