"""A run of the benchmarks that is as small as can be: does it measure, does it count right?"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.setting import Bench, Scale

TINY = Scale(
    rows=300,
    ledgers=(500, 1_500),
    pages=1,
    lines=(500,),
    scraped=(500,),
    scraping=1,
    watching=1.0,
    backlog=1_500,
    idle=0.1,
    settling=0.0,
    page_sizes=(100, 200),
    combinations=(7,),
    accounts=(2,),
    account_rows=600,
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """One round of everything."""
    return Bench(TINY, 1, tmp_path)
