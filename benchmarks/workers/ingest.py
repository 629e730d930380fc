"""Subject: the exporter from page bytes to the snapshot that is published, committed to the disk page by page.

Without ``--ledger`` every round counts the whole list into a new ledger. With it, rounds go on in that file: each
counts the next ``--pages`` of one long catch-up. Making the list and asking for its pages is not timed.
With ``--render`` each snapshot is rendered for scrapes as well.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import population, rows
from benchmarks.listing import Listing
from benchmarks.pipeline import PUBLISH_EVERY, Pipeline, Unrendered
from benchmarks.workers import protocol
from benchmarks.workers.protocol import Stopwatch
from exporter.counting import layout as slots
from exporter.metrics.exposition import Exposition


def main() -> None:
    """Answer the driver's rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--content", type=int, default=0, help="characters of each row's answer")
    parser.add_argument("--page-size", type=int, default=1000)
    parser.add_argument("--series", type=int, default=0, help="combinations of model and skill; 0: as in the trace")
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--pages", type=int, help="pages a round, with --ledger")
    parser.add_argument("--render", action="store_true")
    given = parser.parse_args()
    make_exposition = Exposition if given.render else Unrendered
    items = rows.items(given.rows)
    listing = Listing(population.spread(items, given.series) if given.series else items, content=given.content)
    gc.freeze()  # as the daemon does once it is set up
    if given.ledger is None:
        protocol.answer(lambda told: _whole(listing, given.page_size, given.scratch, make_exposition()))
        return
    pipeline = Pipeline(given.ledger, make_exposition(), page_size=given.page_size)
    try:
        protocol.answer(lambda told: _count(pipeline, listing, given.pages))
    finally:
        pipeline.close()


def _whole(listing: Listing, page_size: int, scratch: Path, exposition: Exposition) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        pipeline = Pipeline(Path(folder) / "ledger.db", exposition, page_size=page_size)
        try:
            return _count(pipeline, listing, None)
        finally:
            pipeline.close()


def _count(pipeline: Pipeline, listing: Listing, pages: int | None) -> Mapping[str, Any]:
    """Count so many pages, or all there are; publish after every tenth and after the last."""
    gc.collect()  # the garbage of the round before is not this round's
    watch = Stopwatch()
    before, read = _sums(pipeline)[0], 0
    while (pages is None or read < pages) and (wanted := pipeline.wanted(listing)) is not None:
        body = listing.body(wanted)
        read += 1
        with watch.running():
            pipeline.take(body, listing.observed)
            if read % PUBLISH_EVERY == 0:
                pipeline.publisher.publish()
    if read % PUBLISH_EVERY:
        with watch.running():
            pipeline.publisher.publish()
    completions, inputs, outputs = _sums(pipeline)
    return {
        "seconds": watch.seconds,
        "cpu": watch.cpu,
        "units": completions - before,
        "pages": read,
        "check": {"completions": completions, "input_tokens": inputs, "output_tokens": outputs},
    }


def _sums(pipeline: Pipeline) -> tuple[int, int, int]:
    totals = pipeline.books.totals.values()
    found = (
        sum(values[slot] for values in totals) for slot in (slots.COMPLETIONS, slots.INPUT_TOKENS, slots.OUTPUT_TOKENS)
    )
    completions, inputs, outputs = found
    return completions, inputs, outputs


if __name__ == "__main__":
    main()
