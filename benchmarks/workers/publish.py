"""Subject: the exporter publishes many sample lines after a share of its series has changed: rendered and compressed.

Told ``{"changed": PERCENT}`` it counts as many completions again in so many series, which is not timed, and publishes,
which is. ``--exposition`` names the file that gets what is published first, for the peers.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from benchmarks import population
from benchmarks.workers import protocol
from benchmarks.workers.protocol import Stopwatch
from exporter.books import Books
from exporter.clock import SystemClock
from exporter.config import load
from exporter.counting.ledger import Entries
from exporter.counting.totals import Delta
from exporter.metrics.exposition import Exposition
from exporter.metrics.telemetry import Telemetry
from exporter.models import SeriesKey, SourceKey, Status
from exporter.publisher import Publisher
from exporter.runtime import terms


class Publishing:
    """A publisher of many series, which shows new ones at once."""

    def __init__(self, books: Books) -> None:
        """Publish for the first time."""
        self._books = books
        self._random = Random(1)
        self._first = {
            key: list(values)
            for key, values in books.totals.items()
            if key.status == Status.SUCCESS and key.late == "false"
        }
        self.exposition = Exposition()
        self._publisher = Publisher(
            books=books,
            telemetry=Telemetry(books.counters),
            exposition=self.exposition,
            clock=SystemClock(),
            terms=replace(terms(load(None, {"VLMRUN_API_KEY": "none"})), birth_hold=0),
        )
        self._publisher.publish()

    def play(self, told: Mapping[str, Any]) -> Mapping[str, Any]:
        """Publish once more after ``told["changed"]`` percent of the series have changed."""
        # Drawn anew: those that change are no neighbours, which would be rendered together.
        keys = self._random.sample(list(self._first), max(1, len(self._first) * told["changed"] // 100))
        self._count(keys)
        gc.collect()
        watch = Stopwatch()
        with watch.running():
            self._publisher.publish()
        return {"seconds": watch.seconds, "cpu": watch.cpu, "units": 1}

    def _count(self, keys: Sequence[SeriesKey]) -> None:
        source = SourceKey(keys[0].account, keys[0].source)
        entries = Entries(delta=Delta(series={key: self._first[key] for key in keys}))
        coverage = self._books.coverage[source]
        self._books.record(source, coverage, entries, {}, now=coverage.newest)


def main() -> None:
    """Answer the driver's rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, required=True, help="sample lines, about")
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--exposition", type=Path, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
        pipeline = population.populated(Path(folder) / "ledger.db", given.lines)
        try:
            publishing = Publishing(pipeline.books)
            text = publishing.exposition.scrape("", packed=False).body
            given.exposition.write_bytes(text)
            lines = sum(not line.startswith(b"#") for line in text.splitlines())
            protocol.answer(publishing.play, lines=lines, series=len(pipeline.books.totals))
        finally:
            pipeline.close()


if __name__ == "__main__":
    main()
