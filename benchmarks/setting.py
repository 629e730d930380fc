"""What a run of the benchmarks is given: how much to measure, where to write, and where to note what it finds."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks.results import Results


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured. Times are seconds."""

    rows: int
    """Rows of a round of an ingest subject; a tenth of it where they have content."""
    ledgers: Sequence[int]
    """Rows that ledgers hold before the first round, ascending."""
    pages: int
    """Pages that a round adds to such a ledger."""
    lines: Sequence[int]
    """Sample lines of an exposition to publish."""
    scraped: Sequence[int]
    """Sample lines of an exposition to scrape."""
    scraping: int
    """How long wrk scrapes a server at a time."""
    watching: float
    """How long Prometheus scrapes."""
    backlog: int
    """Rows that the daemon catches up on."""
    idle: float
    """How long the daemon is watched while nothing happens."""
    settling: float
    """How long a daemon that has started is left alone before that, or before its memory is read."""
    page_sizes: Sequence[int]
    combinations: Sequence[int]
    """Pairs of model and skill."""
    accounts: Sequence[int]
    account_rows: int
    """Rows of all accounts together."""


FULL = Scale(
    rows=20_000,
    ledgers=(1_000_000, 10_000_000),
    pages=10,
    lines=(1_000, 10_000, 100_000),
    scraped=(10_000, 100_000),
    scraping=4,
    watching=60.0,
    backlog=1_000_000,
    idle=300.0,
    settling=10.0,
    page_sizes=(50, 100, 200, 500, 1000),
    combinations=(1, 10, 100, 1000),
    accounts=(1, 3, 10, 30),
    account_rows=150_000,
)

QUICK = Scale(
    rows=2_000,
    ledgers=(10_000, 50_000),
    pages=2,
    lines=(1_000, 5_000),
    scraped=(2_000,),
    scraping=1,
    watching=6.0,
    backlog=5_000,
    idle=3.0,
    settling=1.0,
    page_sizes=(100, 1000),
    combinations=(1, 20),
    accounts=(1, 2),
    account_rows=2_000,
)
"""Enough to see that everything works, too little to say anything about speed."""


@dataclass(slots=True)
class Bench:
    """One run. ``scratch`` is an empty folder on a disk, not in memory: the ledgers' fsyncs count."""

    scale: Scale
    rounds: int
    scratch: Path
    random: Random = field(default_factory=lambda: Random(1))
    results: Results = field(default_factory=Results)

    def folder(self, name: str) -> Path:
        """An empty folder in the scratch."""
        folder = self.scratch / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder


def worker(name: str, *arguments: object) -> list[str]:
    """The command that runs a module of benchmarks/workers."""
    return [sys.executable, "-m", f"benchmarks.workers.{name}", *map(str, arguments)]
