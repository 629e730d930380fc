"""Subject: the exporter's way from page bytes to the disk, told apart by the steps that a page goes through.

A clock is put around each step, which takes itself less than a hundredth of the time. Time is wall time: a commit
includes the wait for the disk.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.listing import Listing
from benchmarks.pipeline import Pipeline, Unrendered
from benchmarks.workers import protocol
from exporter.api.decode import Decoder
from exporter.books import Books
from exporter.counting import coverage, ledger
from exporter.counting.totals import Tally
from exporter.store import Store

STEPS: Mapping[str, tuple[Any, str]] = {
    "parse the JSON (msgspec)": (Decoder, "_parse"),
    "convert values, build rows": (Decoder, "decode"),
    "hash ids (BLAKE2b)": (ledger, "row_keys"),
    "look ids up in the ledger": (Store, "marks"),
    "decide what each row is": (ledger, "apply"),
    "take fingerprints": (ledger, "fingerprints"),
    "add up": (Tally, "count"),
    "prove coverage": (coverage, "sweep_page"),
    "put into the totals": (Books, "record"),
    "commit (SQLite, fsync)": (Store, "commit"),
}
"""The steps, by where each is done; a step within another is not part of the other."""

REST = "everything else"


class Steps:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._within = [0.0]

    def watch(self) -> None:
        """Put clocks around the steps, for the rest of the process."""
        for name, (owner, function) in STEPS.items():
            setattr(owner, function, self.timed(name, getattr(owner, function)))

    def timed(self, name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        """A step that notes how long it takes, without those within it."""

        @wraps(step)
        def clocked(*given: Any, **named: Any) -> Any:
            self._within.append(0.0)
            began = time.perf_counter()
            try:
                return step(*given, **named)
            finally:
                took = time.perf_counter() - began
                self.seconds[name] += took - self._within.pop()
                self._within[-1] += took

        return clocked


def main() -> None:
    """Answer the driver's rounds: each counts the whole list into a new ledger."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    given = parser.parse_args()
    listing = Listing(rows.items(given.rows))
    steps = Steps()
    steps.watch()
    gc.freeze()  # as the daemon does once it is set up
    protocol.answer(lambda told: _count(listing, given.scratch, steps))


def _count(listing: Listing, scratch: Path, steps: Steps) -> Mapping[str, Any]:
    steps.seconds.clear()
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        pipeline = Pipeline(Path(folder) / "ledger.db", Unrendered())
        take = steps.timed(REST, pipeline.take)
        while (wanted := pipeline.wanted(listing)) is not None:
            take(listing.body(wanted), listing.observed)
        rows_counted = sum(values[0] for values in pipeline.books.totals.values())
        pipeline.close()
    return {"seconds": sum(steps.seconds.values()), "units": rows_counted, "steps": dict(steps.seconds)}


if __name__ == "__main__":
    main()
