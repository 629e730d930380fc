"""A ledger of millions of counted rows, made without reading any: ids older than the first row of the list."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from benchmarks.pipeline import DAY, LATENESS
from benchmarks.rows import START
from exporter.counting import coverage as cover
from exporter.counting.ledger import FIRST_FINGERPRINT, RowKey
from exporter.daemon import layout
from exporter.models import SECOND, SourceKey
from exporter.store import Changes, Store
from exporter.store.highwater import mark_path

SOURCE = SourceKey("default", "completions")
RATE = 9
"""Rows a second: at this rate a ledger of 10 million rows reaches back 13 days."""

COVERAGE = cover.start(START, look_back=14 * DAY, max_lateness=LATENESS)
"""As of a list that was last read just before its first row, and forgets none of the ids."""

COMMIT = 1_000
"""Rows a transaction, as the largest pages have."""


def prefill(folder: Path, sizes: Sequence[int]) -> Mapping[int, Path]:
    """Make a ledger of each of ``sizes`` rows (ascending) in ``folder``, unless they are there; return their paths."""
    made = {size: folder / f"ledger-{size}.db" for size in sizes}
    if all(path.exists() for path in made.values()):
        return made
    growing = folder / "growing.db"
    random = Random(1)
    first = START // SECOND - sizes[-1] // RATE
    written = 0
    for size in sizes:
        store = Store(growing, layout())
        try:
            while written < size:
                number = min(COMMIT, size - written)
                store.commit(_changes(range(written, written + number), first, random))
                written += number
        finally:
            store.close()
        for name in (growing, mark_path(growing)):
            shutil.copy(name, folder / name.name.replace(growing.name, made[size].name))
    for name in (growing, mark_path(growing)):
        name.unlink()
    return made


def _changes(numbers: range, first: int, random: Random) -> Changes:
    """Settled rows of these numbers; number 0 was created in the second ``first``."""
    settled = {
        RowKey(first + number // RATE, random.getrandbits(64) - 2**63): FIRST_FINGERPRINT + random.getrandbits(32)
        for number in numbers
    }
    return Changes(source=SOURCE, coverage=COVERAGE, settled=settled, observed=START)
