"""Catching up after an outage of the API: as fast as the request budget allows, every row once, late rows as late.

While the API is down, rows go on coming. When it is back, the newest rows are read at once and at every interval, as
ever; what the budget has left is for the backlog. With p rows a page of which o overlap with the page before, and h
requests a minute for the newest rows, that is ::

    capacity = (requests_per_minute - h) * (p - o)    rows a minute
    h        = lists * 60 / interval * ceil(rows that come in an interval / (p - o))
    bound    = backlog / (capacity - arrival)

For arrivals that are not steady, the bound is the first moment at which capacity has met the backlog and all that has
come since.

Which rows were counted, and which as late, is told by sums, exactly but for rows within 3 s of ``late_after``
(:mod:`~tests.proof.timelapse_count`).
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from math import ceil, inf
from random import Random

from exporter.metrics import catalog
from exporter.models import SECOND, Paging
from exporter.poller import SourcePoller
from exporter.runtime import JITTER
from exporter.simulator import trace
from tests.clocks import START
from tests.proof.figures import Figures
from tests.proof.timelapse import Timelapse, TimelapseClock, timelapse
from tests.proof.timelapse_api import Arrivals, Refusal, TimelapseApi
from tests.proof.timelapse_count import Count, count, counted, first_served

HOUR = 3600
LATE_AFTER = 600
PAGE_SIZE = 100
LATENCY = 0.3
WARM_UP = 1800
SAMPLE = 2.0
"""Seconds of compressed time between two looks at the gauges."""

OVERLAP = {Paging.CURSOR: 1, Paging.OFFSET: 5}
"""Rows that two pages share, beyond ties: the oldest one, and for offsets a few to spare."""


@dataclass(frozen=True, slots=True)
class Outage:
    """What is to be caught up with. ``rate`` is in rows a second; None is the production trace, eight times slower."""

    hours: float
    paging: Paging
    rate: float | None = 1.0
    requests_per_minute: int = 6
    interval: int = 60
    kills: int = 0
    """Spread evenly over the time that it should take."""
    seed: int = 1


@dataclass(slots=True)
class CatchUp:
    """What became of it. Times in seconds since the first answer after the outage."""

    outage: Outage
    count: Count = field(default_factory=Count)
    kills: int = 0
    """That really happened."""
    backlog: int = 0
    bound: float = 0.0
    took: float = 0.0
    """Until the last row of the backlog was counted and the gauge said so."""
    requests: int = 0
    slowest_fresh: float = 0.0
    """The longest that a row which came after the outage waited to be in an answer."""
    eta_low: float = inf
    eta_high: float = 0.0
    """The estimate as a multiple of the time it really took, from a tenth of the catch-up to its last interval."""
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        arrivals = "production trace" if self.outage.rate is None else "steady arrivals"
        return (
            f"outage of {self.outage.hours:g} h, {self.outage.paging}, {arrivals}, {self.kills} kills:"
            f" backlog {self.backlog:,} rows, took {self.took:,.0f} s, {self.took / self.bound:.2f} of the bound;"
            f" ETA {self.eta_low:.2f} to {self.eta_high:.2f} of the truth; a new row was read after"
            f" {self.slowest_fresh:.0f} s; {self.count.late:,} rows late, {self.count.edge} at the edge"
        )

    def figures(self) -> Figures:
        figures = self.count.figures()
        figures.kills, figures.faults = self.kills, 1
        figures.problems = [f"catch-up: {problem} ({self.outage})" for problem in figures.problems + self.problems]
        return figures


def run(*, hours: Iterable[float], seed: int, kills: int = 2) -> Figures:
    """Catch up after outages of so many ``hours``, in both ways of paging, steadily and by the production trace.

    Prints a line for each outage.
    """
    figures = Figures()
    for length in hours:
        for paging, rate, limit, deaths in (
            (Paging.CURSOR, 1.0, 6, 0),
            (Paging.OFFSET, 1.0, 6, kills),
            # As many rows, but in bursts: a head poll reads as many pages as half of its interval's requests allow.
            (Paging.CURSOR, None, 10, kills),
            (Paging.OFFSET, None, 10, 0),
        ):
            outage = Outage(length, paging, rate=rate, requests_per_minute=limit, kills=deaths, seed=seed)
            result = catch_up(outage)
            print(result, flush=True)
            figures += result.figures()
    return figures


def catch_up(outage: Outage) -> CatchUp:
    """Let the API be down, then up, and see how the exporter catches up."""
    return asyncio.run(_catch_up(outage))


async def _catch_up(outage: Outage) -> CatchUp:
    random = Random(outage.seed)
    clock = TimelapseClock()
    arrivals = Arrivals(times(outage))
    api = TimelapseApi(clock, {"completions": arrivals}, latency=LATENCY)
    result = CatchUp(outage)
    async with timelapse(api, clock, random) as it:
        configure(it, outage, requests_per_minute=outage.requests_per_minute)
        it.start()
        await it.run(WARM_UP)
        api.refuse = lambda name: Refusal(503, retry_after=120)
        await it.run(outage.hours * HOUR + random.uniform(0, 60))
        api.refuse = lambda name: None
        before = len(arrivals.served)
        while len(arrivals.served) == before:
            await it.run(0.1)
        back, asked = clock.monotonic(), len(api.sent)
        end = arrivals.visible(clock.now())
        result.backlog = end - sum(counted(it, late=label).rows for label in ("true", "false"))
        result.bound = _bound(outage, arrivals.times, clock.now(), result.backlog)
        deaths = [result.bound * (number + 0.5) / outage.kills for number in range(outage.kills)]
        etas: list[tuple[float, float]] = []
        while behind(it) and clock.monotonic() - back < 3 * result.bound + 600:
            if deaths and clock.monotonic() - back >= deaths[0]:
                deaths.pop(0)
                await it.kill()
                result.kills += 1
                clock.advance(1)
                it.start()
            await it.run(SAMPLE)
            etas.append((clock.monotonic() - back, it.telemetry.value(catalog.CATCH_UP_ETA, *poller(it).key)))
        result.took = clock.monotonic() - back
        result.requests = len(api.sent) - asked
        await it.run(HOUR)  # everything is proven, and nothing comes back
        served = first_served(arrivals)
        # Every row up to the newest one that was asked for.
        result.count = count(it, arrivals, range(max(served) + 1), late_after=LATE_AFTER)
        _judge_time(result, arrivals, served, before, end, round(START + (back + result.took) * SECOND))
        _judge_eta(result, etas)
        _judge_alarms(it, result)
    return result


@dataclass(frozen=True, slots=True)
class Outrun:
    """What the gauges said while rows came faster than they could be read, and after the budget was raised."""

    paging: Paging
    etas_before: tuple[float, ...]
    behind_before: bool
    etas_after: tuple[float, ...]
    behind_after: bool
    count: Count
    seed: int
    kills: int = 1
    """The exporter is killed once, to raise its budget."""

    def figures(self) -> Figures:
        figures = self.count.figures()
        figures.kills = self.kills
        if not self.behind_before or any(eta != inf for eta in self.etas_before):
            figures.problems.append("the exporter did not say that it was outrun")
        if self.behind_after or self.etas_after[-1]:
            figures.problems.append("the exporter says that it is behind although its budget is ample")
        figures.problems = [f"outrun: {problem} ({self.paging}, seed {self.seed})" for problem in figures.problems]
        return figures


def outruns(*, seed: int) -> Figures:
    """Outrun an exporter in both ways of paging."""
    figures = Figures()
    for paging in Paging:
        figures += outrun(paging, seed=seed).figures()
    return figures


def outrun(paging: Paging, *, seed: int = 1) -> Outrun:
    """Let 12 rows a second come while 10 can be read, for 20 minutes; then allow ten times as many requests."""
    return asyncio.run(_outrun(Outage(0, paging, rate=12.0, seed=seed)))


async def _outrun(outage: Outage) -> Outrun:
    clock = TimelapseClock()
    arrivals = Arrivals(times(outage)[: 12 * 1800])  # for half an hour: then the list is quiet, and read to its end
    api = TimelapseApi(clock, {"completions": arrivals}, latency=LATENCY)
    async with timelapse(api, clock, Random(outage.seed)) as it:
        configure(it, outage, requests_per_minute=outage.requests_per_minute)
        it.start()
        await it.run(600)
        before = await _etas(it, 900)
        behind_before = behind(it)
        await it.kill()
        configure(it, outage, requests_per_minute=outage.requests_per_minute * 10)
        it.start()
        await it.run(120)
        after = await _etas(it, 1200)
        all_rows = count(it, arrivals, range(len(arrivals.times)), late_after=LATE_AFTER)
        return Outrun(outage.paging, before, behind_before, after, behind(it), all_rows, outage.seed)


async def _etas(it: Timelapse, seconds: int) -> tuple[float, ...]:
    """What the gauge says, every ten seconds."""
    etas = []
    for _ in range(seconds // 10):
        await it.run(10)
        etas.append(it.telemetry.value(catalog.CATCH_UP_ETA, *poller(it).key))
    return tuple(etas)


def times(outage: Outage) -> Sequence[int]:
    """Times (µs) at which rows come, for as long as any catch-up takes."""
    first, last = START + 10 * SECOND, START + round((outage.hours * 2 + 12) * HOUR) * SECOND
    if outage.rate is not None:
        return range(first, last, round(SECOND / outage.rate))
    replay = (arrival.at for arrival in trace.load().replay(first, speed=1 / 8))
    return list(takewhile(lambda at: at < last, replay))


def configure(it: Timelapse, outage: Outage, *, requests_per_minute: int) -> None:
    it.configure(
        sources={"completions": {"paging": outage.paging.value}},
        page_size=PAGE_SIZE,
        requests_per_minute=requests_per_minute,
        interval=f"{outage.interval}s",
        late_after=f"{LATE_AFTER}s",
    )


def poller(it: Timelapse) -> SourcePoller:
    return it.pollers[0]


def behind(it: Timelapse) -> bool:
    """Whether the exporter says that it is catching up."""
    return it.telemetry.value(catalog.CATCHING_UP, *poller(it).key) == 1


def _bound(outage: Outage, times: Sequence[int], now: int, backlog: int) -> float:
    """The time (s) in which the budget can meet ``backlog`` and what comes meanwhile."""
    around = bisect_left(times, now + HOUR * SECOND) - bisect_left(times, now - HOUR * SECOND)
    per_interval = around / (2 * HOUR) * outage.interval
    page = PAGE_SIZE - OVERLAP[outage.paging]
    heads = 60 / outage.interval * ceil(per_interval / page)
    per_second = (outage.requests_per_minute - heads) * page / 60
    came, seconds = bisect_right(times, now), 0
    while seconds * per_second < backlog + bisect_right(times, now + seconds * SECOND) - came:
        seconds += 1
    return seconds


def _judge_time(
    result: CatchUp, arrivals: Arrivals, served: dict[int, int], before: int, end: int, finished: int
) -> None:
    """The backlog was read within the bound, and new rows did not wait for it."""
    unread = sum(served.get(number, finished + 1) > finished for number in range(end))
    if unread:
        result.problems.append(f"{unread} rows were unread when the exporter said that it had caught up")
    if result.took > 1.1 * result.bound:
        result.problems.append(f"took {result.took:.0f} s instead of {result.bound:.0f}")
    back = arrivals.served[before][0]
    fresh = ((at - arrivals.times[number]) / SECOND for number, at in served.items() if arrivals.times[number] > back)
    result.slowest_fresh = max(fresh)
    if result.slowest_fresh > 2 * (1 + JITTER) * result.outage.interval + 5:
        result.problems.append(f"a new row was not read for {result.slowest_fresh:.0f} s")


def _judge_alarms(it: Timelapse, result: CatchUp) -> None:
    """An outage of the API is no reason to doubt the list."""
    key = poller(it).key
    for family in (catalog.UNPROVABLE_PAGES, catalog.VANISHED_ROWS, catalog.BEYOND_LATENESS):
        if it.telemetry.value(family, *key):
            result.problems.append(f"{family.name} is {it.telemetry.value(family, *key):g}")
    if it.telemetry.value(catalog.COVERAGE_GAP, *key, "lost") or it.telemetry.value(catalog.TASK_FAILURES, "poll"):
        result.problems.append("a gap was given up, or a task failed")


def _judge_eta(result: CatchUp, etas: list[tuple[float, float]]) -> None:
    """The estimates from a tenth of the catch-up to its last interval, against the time that was really left."""
    for at, eta in etas:
        left = result.took - at
        if at > result.took / 10 and left > result.outage.interval:
            result.eta_low, result.eta_high = min(result.eta_low, eta / left), max(result.eta_high, eta / left)
    # What is left is known as a stretch of time; how many rows it holds can be told if they come steadily.
    if result.outage.rate is not None and not 0.5 <= result.eta_low <= result.eta_high <= 2:
        result.problems.append(f"the ETA was {result.eta_low:.2f} to {result.eta_high:.2f} of the time it took")
