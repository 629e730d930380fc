"""The intake: which sweeps the newest page begins, and what becomes of them when what surrounds them changes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

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
