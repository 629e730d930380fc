"""The intake: which sweeps the newest page begins, and what becomes of them when what surrounds them changes."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest

from exporter.metrics import catalog
from exporter.models import SECOND, Paging
from tests.harness import Exporter
from tests.listing import Item, Listing

MINUTE = 60 * SECOND

both = pytest.mark.parametrize("paging", Paging)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def traffic(rows: Listing, minutes: int, *, a_minute: int, longest: int) -> None:
    """Let minutes pass with so many rows in each; a row takes up to ``longest`` seconds, and is listed meanwhile."""
    for _ in range(minutes):
        rows.now += MINUTE
        for number in range(a_minute):
            created = rows.now - number * MINUTE // a_minute
            finished = created + rows.random.randrange(longest * SECOND)
            rows.items.append(Item(f"row-{len(rows.items)}", created, created, finished))


@both
def test_a_backlog_of_a_list_out_of_order_is_read_although_its_newest_page_proves_nothing(
    path: Path, paging: Paging
) -> None:
    """Such a page tells nothing of how much is unread: it is no reason to begin the sweep anew."""
    rows = Listing(paging, Random(1), by_change=True)
    exporter = Exporter(path, rows)
    try:
        exporter.cycle()
        traffic(rows, 60, a_minute=10, longest=300)  # nobody reads
        for _ in range(120):
            traffic(rows, 1, a_minute=5, longest=300)
            exporter.cycle(pages=2)
        finished = [item for item in rows.items if item.finished < rows.now - 10 * MINUTE]
        assert exporter.counted >= len(finished) > 1000
    finally:
        exporter.close()


@both
def test_a_rolled_back_ledger_is_made_good_once_what_it_had_counted_beyond_lateness_is_counted_again(
    path: Path, paging: Paging
) -> None:
    """The newest page showed it then; now it lies below, and below what sweeps usually read."""
    rows = Listing(paging, Random(1))
    exporter = Exporter(path, rows)
    exporter.cycle()
    for _ in range(60):
        traffic(rows, 1, a_minute=1, longest=1)
        exporter.cycle()
    exporter.close()
    shutil.copy(path, path.with_name("backup"))
    exporter.open()
    late = rows.now - 18 * MINUTE
    rows.items.append(Item("late", late, rows.now, rows.now))
    rows.now += MINUTE
    exporter.cycle()
    assert exporter.value(catalog.BEYOND_LATENESS) == 1

    for _ in range(12):  # wherever the pages of the sweep begin and end
        traffic(rows, 1, a_minute=21, longest=1)
        exporter.close()
        shutil.copy(path.with_name("backup"), path)
        exporter.open()
        assert exporter.store.rolled_back
        exporter.head()
        while not exporter.intake.swept:
            if not exporter.step():
                rows.now += MINUTE
                exporter.head()
        assert exporter.counted == sum(item.finished <= rows.now for item in rows.items)
    exporter.close()
