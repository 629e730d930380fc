"""The end of a run against the stand-in: everything that came is counted, once, and stays so when it is met again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from exporter.models import SECOND
from tests.e2e.process import Exporter
from tests.e2e.scrape import Scrape
from tests.e2e.standin import Standin, Totals, Verdict, compare, counted, expected
from tests.e2e.waiting import until

MORE_POLLS: Final = 3
MORE_ROWS: Final = 4_000
"""After all has been counted, how often every list must be polled with success, and how many rows of it must be met
again (twice as many as it has are enough), before it is believed that it stays so. Sweeps go down by the configured
lateness, which is fewer rows than half of these at the rates of the stand-in."""


def conclude(upstream: Standin, exporter: Exporter, *, settle: bool, catch_up: float) -> tuple[Verdict, Scrape]:
    """Let no more rows come, wait until everything is counted and every list was read once more, and judge.

    The result is what differs after ``catch_up`` seconds in which nothing more was counted, and no more time proven up
    to the end of the arrivals; or, once nothing differs, what differs after that: a row that the next sweep counts a
    second time is doubled. Raises AssertionError if the lists are not read within ``catch_up`` seconds more.
    """
    if settle:
        upstream.freeze()
        until(lambda: upstream.truth().unsettled == 0, catch_up, "every row has settled", every=1.0)
    else:
        upstream.clock.stop()
    truth, end = expected(upstream.truth()), upstream.clock.now() / SECOND
    deadline = time.monotonic() + catch_up
    best = [0.0, 0.0]
    while True:
        scrape = exporter.scrape()
        verdict = compare(truth, counted(scrape))
        if verdict:
            break
        marks = [sample.value for sample in scrape.samples("vlmrun_exporter_watermark_timestamp_seconds")]
        come = [scrape.sum("vlmrun_completions_total"), sum(min(mark, end) for mark in marks)]
        if any(now > before for before, now in zip(best, come, strict=True)):
            best, deadline = [max(pair) for pair in zip(best, come, strict=True)], time.monotonic() + catch_up
        if time.monotonic() > deadline:
            return verdict, scrape
        time.sleep(0.5)
    last = until(lambda: reread(truth, scrape, exporter.scrape()), catch_up, "every list was read once more", every=0.2)
    return compare(truth, counted(last)), last


def reread(truth: Totals, before: Scrape, now: Scrape) -> Scrape | None:
    """Return ``now`` if every list has been polled and swept since ``before``, else None; see `MORE_POLLS`.

    No metric tells of the end of a sweep. But one follows the other, and they read more than the polls of the newest
    rows do: a list of which twice as many rows were met as it has was swept once.
    """
    has = Counter[str]()
    for key, sums in truth.items():
        has[key.source] += sums.completions
    polls = [working(scrape) for scrape in (before, now)]
    rows = [scrape.by("vlmrun_exporter_rows_total", "source") for scrape in (before, now)]
    done = all(
        _grown(polls, source) >= MORE_POLLS and _grown(rows, source) >= min(2 * number, MORE_ROWS)
        for source, number in has.items()
    )
    return now if done else None


def _grown(values: Sequence[Mapping[tuple[str, ...], float]], source: str) -> float:
    before, now = (value.get((source,), 0.0) for value in values)
    return now - before


def working(scrape: Scrape) -> dict[tuple[str, ...], float]:
    """How many polls of each list worked."""
    failed = scrape.by("vlmrun_exporter_poll_failures_total", "source")
    return {
        source: polls - failed.get(source, 0.0)
        for source, polls in scrape.by("vlmrun_exporter_polls_total", "source").items()
    }
