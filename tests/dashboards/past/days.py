"""Days of scrapes: the real exporter on the simulated account, in compressed time, through a script of incidents.

Genuine is everything that the exporter says of completions, credits, the API and itself: it is what its books,
publisher and telemetry came to, having polled real HTTP. Modelled are, because compressed time has none of its own: the
``process_*`` families (CPU and memory by what was asked and shown) and how long a scrape took.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import ceil, exp
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from exporter.alerts.drill.samples import Chunk
from exporter.models import SECOND
from tests.clocks import START
from tests.dashboards.past import incidents
from tests.dashboards.past.account import Account
from tests.dashboards.past.blocks import Blocks
from tests.dashboards.past.compressed import CompressedExporter
from tests.dashboards.past.incidents import HOUR, OUTAGE, RESTART, Incident
from tests.dashboards.past.samples import Lines, Target, write
from tests.e2e.standin import Totals, expected
from tests.proof.timelapse import SCRATCH, TimelapseClock
from tests.proof.timelapse_api import Refusal, TimelapseApi

DAY: Final = 86_400.0

ROWS_A_SECOND: Final = {"completions": 0.24, "executions": 0.04, "requests": 0.05}
"""About what comes, by list."""

CREDITS_A_DAY: Final = 67_000
"""About what ordinary traffic takes."""

LEAD: Final = 10.0
"""Seconds by which the exporter of a stretch starts before its first scrape: its first polls are done by then."""

PATIENCE: Final = HOUR
"""Seconds within which a mark finds its scrape."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """How the exporter runs and is scraped from ``ago`` seconds before the end on. Times in seconds.

    Never more than 270 s between scrapes: after 300 s Prometheus takes a series for gone.
    """

    ago: float
    scrape: float
    poll: float
    lateness: float = 900.0
    whole: bool = True
    """With the buckets of histograms, and with what time alone changes between two polls."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is made: ``stretches`` one after the other, the first one the oldest, until ``end`` (s since the epoch)."""

    end: int
    stretches: Sequence[Stretch]
    incidents: Sequence[Incident] = ()
    marks: Sequence[float] = ()
    """Seconds before the end: the truth is noted at the last scrape until then at which no new series is held at 0."""
    seed: int = 1

    @property
    def start(self) -> float:
        """When the exporter starts first, in seconds since the epoch."""
        return self.end - self.stretches[0].ago - LEAD


@dataclass(frozen=True, slots=True)
class Mark:
    """A scrape by which exactly so much had to be counted. ``at`` is in seconds since the epoch."""

    at: float
    truth: Totals


@dataclass(slots=True)
class Made:
    """What came of a plan: the truth, by mark, and how much was written."""

    marks: dict[float, Mark] = field(default_factory=dict)
    ends: list[Chunk] = field(default_factory=list)
    """Marks of where series ended, to be written into the server: text has none. Of whole stretches only."""
    scrapes: int = 0
    samples: int = 0


def make(plan: Plan, labels: Mapping[str, str], blocks: Blocks) -> Made:
    """Live through ``plan``, and write every scrape of a target with these ``labels`` into ``blocks``."""
    return asyncio.run(_make(plan, labels, blocks))


async def _make(plan: Plan, labels: Mapping[str, str], blocks: Blocks) -> Made:
    clock = TimelapseClock()
    clock.step(plan.start - START / SECOND)
    with TemporaryDirectory(dir=SCRATCH) as folder:
        days = _Days(plan, clock, Target(labels), blocks, Path(folder))
        async with days.api.serving():
            try:
                await days.live()
            finally:
                await days.exporter.kill()
    return days.made


class _Days:
    """The account, its API, the exporter and who scrapes it, by one clock."""

    def __init__(self, plan: Plan, clock: TimelapseClock, target: Target, blocks: Blocks, folder: Path) -> None:
        self.made = Made()
        self._plan = plan
        self._clock = clock
        self._target = target
        self._blocks = blocks
        self._outage = False
        self._last: Lines = {}
        self._rendered: Lines = {}
        self._published: object = None
        # Counting begins with the first poll: what came before it would be true, and not counted.
        self._account = Account(clock.now() + 60 * SECOND, plan.seed)
        self.api = TimelapseApi(
            clock, self._account.lists(), refuse=lambda name: Refusal(503) if self._outage else None
        )
        self.exporter = CompressedExporter(folder, self.api, clock, Random(plan.seed))

    async def live(self) -> None:
        """Go from event to event."""
        for ago, _, event in sorted(_events(self._plan), key=lambda event: (-event[0], event[1])):
            await self.exporter.run(max(0.0, self._plan.end - ago - self._clock.now() / SECOND))
            if isinstance(event, Stretch):
                await self.exporter.kill()
                self.exporter.adopt(_page_sizes(event.poll), **_sections(self._plan, event))
                self.exporter.start()
                self._stretch = event
            elif event is _Event.EDGE:
                await self._turn(incidents.under_way(self._plan.incidents, ago))
            else:
                self._scrape(ago)

    async def _turn(self, going: frozenset[str]) -> None:
        """Let it be as it is while these incidents go on."""
        world = self._account.world
        world.advance(self._clock.now())
        world.effects = incidents.effects(going)
        self._outage = OUTAGE in going
        if RESTART in going:
            await self.exporter.kill()
        elif not self.exporter.running:
            self.exporter.start()

    def _scrape(self, ago: float) -> None:
        at = self._clock.now() // 1000
        shown: Lines = {}
        if self.exporter.running:
            shown = {**self._shown(), **self._target.render(self._process())}
        added, ended = shown.keys() - self._last.keys(), self._last.keys() - shown.keys()
        report = self._target.of_the_scrape(_report(self.exporter.running, len(shown), len(added)))
        write(self._blocks.at(at), at, shown, report)
        if self._stretch.whole:
            self.made.ends.extend(self._target.ends(ended, at))
        self._last = shown
        self.made.scrapes += 1
        self.made.samples += len(shown) + len(report)
        if self.exporter.running and not self.exporter.holds:
            for mark in self._plan.marks:
                if mark <= ago < mark + PATIENCE:
                    self.made.marks[mark] = Mark(at / 1000, expected(self._account.shown))

    def _shown(self) -> Lines:
        """What the exporter shows of its work: rendered again only if it was published again."""
        if self._stretch.whole:
            self.exporter.tick()
        published = self.exporter.exposition.published
        if published is not self._published:
            self._published = published
            self._rendered = self._target.render(published(), buckets=self._stretch.whole)
        return self._rendered

    def _process(self) -> Iterator[Metric]:
        """What a process that does as much would say of itself, going by what one such was seen to take."""
        asked = len(self.api.sent) - self.exporter.asked
        uptime = self._clock.now() / SECOND - self.exporter.started
        pairs = len(self.exporter.books.totals)
        cpu = 1.2 + 0.012 * asked + 0.0008 * uptime
        memory = (62 + 24 * (1 - exp(-uptime / HOUR)) + 0.08 * pairs) * 2**20
        yield CounterMetricFamily("process_cpu_seconds", "Modelled.", value=cpu)
        yield GaugeMetricFamily("process_resident_memory_bytes", "Modelled.", value=memory)
        yield GaugeMetricFamily("process_virtual_memory_bytes", "Modelled.", value=memory + 400 * 2**20)
        yield GaugeMetricFamily("process_start_time_seconds", "In compressed time.", value=self.exporter.started)
        yield GaugeMetricFamily("process_open_fds", "Modelled.", value=21)
        yield GaugeMetricFamily("process_max_fds", "Modelled.", value=1024)


class _Event(Enum):
    """What is due; of several at a time the first comes first. A stretch begins before any of them."""

    EDGE = 1
    SCRAPE = 2


def _events(plan: Plan) -> Iterator[tuple[float, int, Stretch | _Event]]:
    """Yield what happens, in any order: seconds before the end, which of several at a time is first, and what."""
    ends = [*(stretch.ago for stretch in plan.stretches[1:]), -1.0]
    for stretch, end in zip(plan.stretches, ends, strict=True):
        yield stretch.ago + LEAD, 0, stretch
        for turn in range(ceil((stretch.ago - end) / stretch.scrape)):
            if (ago := stretch.ago - turn * stretch.scrape) >= 0:
                yield ago, _Event.SCRAPE.value, _Event.SCRAPE
    for edge in incidents.boundaries(plan.incidents):
        yield edge, _Event.EDGE.value, _Event.EDGE


def _sections(plan: Plan, stretch: Stretch) -> dict[str, Any]:
    """The configuration of a stretch: what depends on its pace, and the same budgets in all of them."""
    return {
        "poll": {
            "interval": f"{stretch.poll:g}s",
            # Enough for no poll to wait: what is scraped in mid-poll can be compared with nothing.
            "requests_per_minute": 30,
            "max_lateness": f"{stretch.lateness:g}s",
            # What is found by the next poll only is not late.
            "late_after": f"{max(600.0, 1.2 * stretch.poll):g}s",
        },
        # Covers two scrapes.
        "metrics": {"birth_hold": f"{2.5 * stretch.scrape:g}s"},
        "budgets": budgets(plan.end),
    }


def _page_sizes(poll: float) -> dict[str, int]:
    """Rows a page, by list: what comes between two polls, and half as many again for when more is done than usual."""
    return {source: max(50, round(1.5 * poll * rate)) for source, rate in ROWS_A_SECOND.items()}


def budgets(end: int) -> list[dict[str, Any]]:
    """A daily and a monthly budget of which a part is spent at ``end`` (s): the day's calendar is one where it is 17 h.

    The month's would last for 24 ordinary days: only eight at most are before ``end``.
    """
    offset = (17 - end // 3600 % 24 + 12) % 24 - 12
    zone = f"Etc/GMT{'-' if offset > 0 else '+'}{abs(offset)}" if offset else "UTC"
    return [
        {"name": "daily", "credits": 1.25 * CREDITS_A_DAY, "period": "day", "timezone": zone},
        {"name": "monthly", "credits": 24 * CREDITS_A_DAY, "period": "month", "timezone": "UTC"},
    ]


def _report(up: bool, samples: int, added: int) -> dict[str, float]:
    """What Prometheus adds to a scrape. How long it took is modelled; a refused connection takes next to nothing."""
    return {
        "up": float(up),
        "scrape_duration_seconds": 0.004 + 1.5e-6 * samples if up else 0.0006,
        "scrape_samples_scraped": samples,
        "scrape_samples_post_metric_relabeling": samples,
        "scrape_series_added": added,
    }
