"""A history of eight days that a Prometheus can be started over, and what it must come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from exporter.alerts.drill.samples import Chunk
from tests import realservers
from tests.dashboards.past import days
from tests.dashboards.past.blocks import Blocks
from tests.dashboards.past.days import DAY, Made, Mark, Plan, Stretch
from tests.dashboards.past.incidents import HOUR, PICTURED
from tests.e2e.prometheus import JOB
from tests.e2e.standin import Sums, Totals, add
from tests.proof.timelapse import SCRATCH

INSTANCE: Final = "localhost:9877"
"""Of the history and of the exporter that goes on from it."""

TARGET: Final = {"job": JOB, "instance": INSTANCE}

FAR: Final = Stretch(8 * DAY, scrape=270, poll=2160, lateness=300, whole=False)
"""What week-long windows look back to: counters, gauges, and the sums and counts of histograms."""

NEAR: Final = Stretch(25 * HOUR, scrape=240, poll=480)

MARKS: Final = (8 * DAY, 7 * DAY, 2 * DAY, DAY, 6 * HOUR, HOUR, 0.0)


@dataclass(frozen=True, slots=True)
class History:
    """Blocks in a folder, from ``start`` to ``end`` (s since the epoch); ``marks`` are by seconds before the end.

    ``ends`` say where series ended, which blocks made of text do not.
    """

    blocks: Path
    start: float
    end: float
    marks: Mapping[float, Mark]
    ends: Sequence[Chunk]

    def counted(self, since: float, until: float = 0.0) -> Totals:
        """Return what was counted between the scrapes of two marks, which are named in seconds before the end."""
        first, last = self.marks[since].truth, self.marks[until].truth
        differences = {key: less(sums, first.get(key, Sums())) for key, sums in last.items()}
        return {key: sums for key, sums in differences.items() if any(sums)}


def tested(end: int) -> Plan:
    """A history for queries, until ``end`` (s since the epoch, a full minute): the last two hours are detailed."""
    return Plan(end, (FAR, NEAR, Stretch(2 * HOUR, scrape=60, poll=60)), PICTURED, MARKS)


def pictured(end: int) -> Plan:
    """A history to look at, until ``end`` (s since the epoch, a full minute): the last seven hours are detailed."""
    return Plan(end, (FAR, NEAR, Stretch(7 * HOUR, scrape=60, poll=60)), PICTURED, MARKS)


def make(plan: Plan, folder: Path) -> tuple[History, Made]:
    """Live through ``plan`` and make blocks of it in ``folder``. Skips the test that asks if there is no promtool."""
    folder.mkdir(parents=True, exist_ok=True)
    promtool = realservers.require("promtool")
    with TemporaryDirectory(dir=SCRATCH) as scratch, Blocks(promtool, folder, Path(scratch)) as blocks:
        made = days.make(plan, TARGET, blocks)
    return History(folder, plan.start, plan.end, made.marks, made.ends), made


def less(one: Sums, other: Sums) -> Sums:
    """Subtract one sum from another."""
    return add(one, Sums(*(-part for part in other)))
