"""The request budget through restarts: never more requests than allowed, and, with a backlog, hardly fewer.

The exporter measures a minute by the wall clock, since nothing else outlives it. A clock that is set back makes it wait
longer than it has to. One that is set forward makes old requests look older, which nothing on this machine can tell
from time that has passed: by so much the limit may be exceeded, once. So requests are judged here by the time that
really passed plus all forward steps.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from dataclasses import dataclass, field
from random import Random

from exporter.models import SECOND
from tests.clocks import START
from tests.proof.figures import Figures
from tests.proof.timelapse import Timelapse, TimelapseClock, timelapse
from tests.proof.timelapse_api import PATHS, Arrivals, Refusal, TimelapseApi

INTERVALS = {1: 240, 3: 60, 10: 60, 60: 30}
"""Seconds between polls of each of the three lists, by requests allowed a minute: head polls alone must fit in."""

BACKLOG = 30 * 86_400
"""Seconds of rows that wait to be read: more than any run can read."""

WINDOW = 60.0
ROUNDING = 0.001


@dataclass(slots=True)
class Spending:
    """What became of one request budget. ``busiest`` is the most requests in any minute."""

    limit: int
    restarts: int = 0
    requests: int = 0
    busiest: int = 0
    minutes: float = 0.0
    used: float = 0.0
    """Share of the allowed requests that were sent."""
    steps: int = 0
    """How often the clock was set."""
    refused: int = 0
    edges: dict[str, int] = field(default_factory=dict)
    """How often the process died where."""

    def figures(self) -> Figures:
        figures = Figures(kills=self.restarts, faults=self.refused + self.steps)
        if self.busiest > self.limit:
            figures.problems.append(f"request budget: {self.busiest} requests within a minute instead of {self.limit}")
        return figures


def run(*, restarts: int, seed: int, limits: tuple[int, ...] = (1, 3, 10, 60)) -> Figures:
    """Restart exporters of all ``limits``, in all as often as told."""
    figures = Figures()
    for limit in limits:
        figures += restart(limit, restarts=restarts // len(limits), seed=seed).figures()
    figures.problems = [f"{problem} (seed {seed})" for problem in figures.problems]
    return figures


def restart(limit: int, *, restarts: int, seed: int) -> Spending:
    """Kill and start an exporter at random moments, with a backlog, refusals and a clock that is set."""
    return asyncio.run(_restart(limit, restarts, seed))


def spend(limit: int, *, minutes: int, seed: int = 1, backlogs: int = 3, latency: float = 0.5) -> Spending:
    """Let an exporter work off the backlog of so many lists undisturbed."""
    return asyncio.run(_spend(limit, minutes, seed, backlogs, latency))


async def _restart(limit: int, restarts: int, seed: int) -> Spending:
    random = Random(f"{seed}/{limit}")
    clock = TimelapseClock()
    api = _api(clock, backlogs=3, latency=0.2)
    spending = Spending(limit)
    forward: list[tuple[float, float]] = []

    def refuse(name: str) -> Refusal | None:
        drawn = random.random()
        spending.refused += drawn < 0.15
        if drawn < 0.05:
            return Refusal(429, retry_after=random.choice((None, 1, 7, 30, 100)))
        return Refusal(503) if drawn < 0.15 else None

    def step() -> None:
        if random.random() < 0.4:
            seconds = random.choice((0.3, 1.5, -0.3, -2.0, -59.0, -3600.0))
            clock.step(seconds)
            spending.steps += 1
            if seconds > 0:
                forward.append((clock.monotonic(), seconds))

    api.refuse = refuse
    async with timelapse(api, clock, random) as it:
        _configure(it, limit)
        for _ in range(restarts):
            it.start()
            if random.random() < 0.5:
                _die_at_an_edge(it, random.randrange(1, 4 + limit))
            # About ten requests between one restart and the next, so that the window is full at most of them.
            alive = await it.run(random.uniform(0.0, 30.0 + 300.0 / limit))
            if alive:
                step()
                alive = await it.run(random.uniform(0.0, 30.0))
            end = "at rest" if alive else it.died_at
            spending.edges[end] = spending.edges.get(end, 0) + 1
            await it.kill()
            spending.restarts += 1
            it.die = lambda edge: False
            step()
            clock.advance(random.choice((0.0, random.uniform(0.0, 5.0), random.uniform(0.0, 90.0))))
    _conclude(spending, api, forward)
    return spending


async def _spend(limit: int, minutes: int, seed: int, backlogs: int, latency: float) -> Spending:
    random = Random(seed)
    clock = TimelapseClock()
    api = _api(clock, backlogs, latency)
    async with timelapse(api, clock, random) as it:
        _configure(it, limit)
        it.start()
        await it.run(minutes * 60)
    spending = Spending(limit)
    _conclude(spending, api, [])
    return spending


def _die_at_an_edge(it: Timelapse, passages: int) -> None:
    left = passages

    def die(edge: str) -> bool:
        nonlocal left
        left -= 1
        return left == 0

    it.die = die


def _api(clock: TimelapseClock, backlogs: int, latency: float) -> TimelapseApi:
    """Three lists, of which ``backlogs`` have more rows than can be read; the others have none."""
    rows = range(START - BACKLOG * SECOND, START + BACKLOG * SECOND, 2 * SECOND)
    lists = {name: Arrivals(rows if place < backlogs else ()) for place, name in enumerate(PATHS)}
    return TimelapseApi(clock, lists, latency=latency)


def _configure(it: Timelapse, limit: int) -> None:
    it.configure(requests_per_minute=limit, interval=f"{INTERVALS[limit]}s", page_size=10, start=f"{BACKLOG}s")


def _conclude(spending: Spending, api: TimelapseApi, forward: list[tuple[float, float]]) -> None:
    stepped = [at for at, _ in forward]
    sums = [sum(seconds for _, seconds in forward[:place]) for place in range(len(forward) + 1)]
    sent = [at + sums[bisect_right(stepped, at)] for _, at, _ in api.sent]
    spending.requests = len(sent)
    spending.minutes = api.clock.monotonic() / 60
    spending.used = spending.requests / (spending.limit * spending.minutes)
    first = 0
    for last, at in enumerate(sent):
        while sent[first] <= at - WINDOW + ROUNDING:  # a request may follow exactly a minute after another
            first += 1
        spending.busiest = max(spending.busiest, last - first + 1)
