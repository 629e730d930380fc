"""A month of rows, in compressed time: what the ledger and the memory hold stops growing after the first days.

Arrival times and token counts are those of the production trace, but slower: its one hour, 28,185 requests, is drawn
out to a day, and repeated every day. That is a 24th of the traced rate, about 28,700 rows a day, and a smaller
``scale`` takes at random so much of it. Some rows are listed late, some are pending for a while, some vanish while
pending; some models and skills are new to the exporter only after days. It is restarted now and then.

What may grow: the series, by labels not seen before; the credits spent, by a row for each quarter of an hour, up to 70
days; the rows that vanished, which are remembered for a week.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import takewhile
from random import Random

from exporter.counting import layout as slots
from exporter.daemon import layout
from exporter.metrics import catalog
from exporter.models import MICRO, SECOND
from exporter.simulator import trace
from exporter.simulator.trace import Arrival
from tests.clocks import START
from tests.ledgers import ids_held
from tests.proof.figures import Figures
from tests.proof.timelapse import Timelapse, TimelapseClock, timelapse
from tests.proof.timelapse_api import TimelapseApi

DAY = 86_400
MAX_LATENESS = 900
SHARES = {"completions": 0.7, "executions": 0.2, "requests": 0.1}
"""How the traced requests are spread over the lists."""

HOUR_IN_A_DAY = 1 / 24

PENDING, VANISHING = 0.05, 0.005
"""Shares of rows that are pending at first, and of those that vanish then."""

LEDGER, SERIES, ENTRY = 200_000, 1000, 40
"""Bytes: an empty ledger and its slack, a series, and an entry of any other table."""

COST_BUCKETS = len(layout().cost.bounds) + 1
"""Exemplars of a series, at most: these rows have credits, but neither durations nor errors."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a day leaves behind: on disk (bytes, rows of tables) and in memory (entries)."""

    day: int
    ledger: int
    log: int
    """The write-ahead log: it is begun anew when it is full, and never shrinks while the exporter runs."""
    rows: int
    """Counted so far."""
    ids: int
    vanished: int
    waiting: int
    requests: int
    counters: int
    series: int
    quarters: int
    memory_waiting: int
    memory_quarters: int
    memory_exemplars: int
    memory_rejects: int


@dataclass(slots=True)
class Growth:
    """A month, day by day."""

    days: list[Size] = field(default_factory=list)
    rows: int = 0
    counted: int = 0
    restarts: int = 0
    requests: int = 0

    @property
    def bytes_per_daily_row(self) -> float:
        """Of the ledger at the end, for each row of an average day."""
        return self.days[-1].ledger / (self.rows / len(self.days))

    @property
    def bytes_per_row(self) -> float:
        """By which the ledger grew for each row counted since the third day."""
        first, last = self.days[min(2, len(self.days) - 2)], self.days[-1]
        return (last.ledger - first.ledger) / (last.rows - first.rows)

    problems: list[str] = field(default_factory=list)

    def table(self) -> str:
        """The days that say most, as a table."""
        lines = ["day    ledger       log      rows    ids  vanished  waiting  requests  counters  series  quarters"]
        chosen = sorted({1, 2, 3, 7, 14, len(self.days)})
        for size in (self.days[day - 1] for day in chosen if day <= len(self.days)):
            lines.append(
                f"{size.day:3} {size.ledger:9,} {size.log:9,} {size.rows:9,} {size.ids:6,} {size.vanished:9,}"
                f" {size.waiting:8,} {size.requests:9,} {size.counters:9,} {size.series:7,} {size.quarters:9,}"
            )
        return "\n".join(lines)


@dataclass(order=True, slots=True)
class Row:
    """One row over its whole life, times in µs; ordered as it is listed."""

    created: int
    number: int
    finished: int = field(compare=False)
    credits: int = field(compare=False)
    json: str = field(compare=False)
    """All but the status."""


class Life:
    """A list as it changes: rows come late, are pending, finish or vanish."""

    def __init__(self, arrivals: Iterator[Arrival], random: Random) -> None:
        self.rows: list[Row] = []
        self.finishing: list[Row] = []
        """Rows that finish and stay: what has to be counted."""
        self._arrivals = arrivals
        self._random = random
        self._next = next(arrivals, None)
        self._events: list[tuple[int, int, Row]] = []
        """When a row appears (1) or vanishes (0)."""

    def page(self, now: int, params: Mapping[str, str]) -> tuple[list[str], bool]:
        self._live(now)
        end = len(self.rows) - int(params.get("skip", 0))
        if "after" in params:
            created, number = map(int, params["after"].split("-"))
            end = bisect_left(self.rows, Row(created, number, 0, 0, ""))
        start = max(0, end - int(params["limit"]))
        shown = reversed(self.rows[start : max(0, end)])
        return [
            f'{row.json},"status":"{"completed" if row.finished <= now else "running"}"}}' for row in shown
        ], start > 0

    def _live(self, now: int) -> None:
        while self._next is not None and self._next.at <= now:
            self._draft(self._next)
            self._next = next(self._arrivals, None)
        while self._events and self._events[0][0] <= now:
            _, appears, row = heappop(self._events)
            if appears:
                insort(self.rows, row)
            else:
                del self.rows[bisect_left(self.rows, row)]

    def _draft(self, arrival: Arrival) -> None:
        random = self._random
        created = arrival.at // SECOND * SECOND
        late = random.randrange(MAX_LATENESS - 60) if random.random() < 0.02 else 0
        visible = arrival.at + late * SECOND
        pending = random.randrange(1, 3600) if random.random() < PENDING else 0
        gone = pending > 0 and random.random() < VANISHING / PENDING
        day = (arrival.at - START) // (DAY * SECOND)
        # Every few days another model and another skill come into use.
        model, skill = random.randrange(3 + day // 5), random.randrange(4 + day // 3)
        usage = (
            f'"prompt_tokens":{arrival.request.input_tokens},"completion_tokens":{arrival.request.output_tokens},'
            f'"credits_used":{arrival.number % 97}'
        )
        row = Row(
            created,
            arrival.number,
            finished=visible + pending * SECOND,
            credits=arrival.number % 97,
            json=f'{{"id":"{created}-{arrival.number}","created":{created // SECOND},"created_at":{created // SECOND},'
            f'"model":"m{model}","skill":"s{skill}","name":"s{skill}","domain":"s{skill}","usage":{{{usage}}}',
        )
        heappush(self._events, (visible, 1, row))
        if gone:
            heappush(self._events, (visible + pending * SECOND // 2, 0, row))
        else:
            self.finishing.append(row)


def run(*, days: int, seed: int, scale: float = 1.0) -> Figures:
    """Let ``days`` pass, with a share ``scale`` of the traced hour's requests on each; print what each left behind."""
    growth = grow(days=days, seed=seed, scale=scale)
    print(growth.table())
    return figures(growth, seed)


def figures(growth: Growth, seed: int) -> Figures:
    """What a month comes to in the proof's table."""
    return Figures(
        rows=growth.rows,
        lost=max(0, growth.rows - growth.counted),
        doubled=max(0, growth.counted - growth.rows),
        kills=growth.restarts,
        problems=[f"thirty days: {problem} (seed {seed})" for problem in growth.problems],
    )


def grow(*, days: int, seed: int, scale: float = 1.0, restarts_a_day: int = 2, interval: int = 300) -> Growth:
    """Let ``days`` pass, and measure every midnight; the lists are polled every ``interval`` seconds.

    ``scale`` is the share of the traced hour's requests that come on a day.
    """
    if not 0 < scale <= 1:
        raise ValueError(f"scale must be above 0 and at most 1, not {scale}")
    return asyncio.run(_grow(days, seed, scale, restarts_a_day, interval))


async def _grow(days: int, seed: int, scale: float, restarts_a_day: int, interval: int) -> Growth:
    random = Random(seed)
    clock = TimelapseClock()
    lists = {
        name: Life(_arrivals(share * scale, days, Random(f"{seed}/{name}")), random) for name, share in SHARES.items()
    }
    api = TimelapseApi(clock, lists)
    growth = Growth()
    async with timelapse(api, clock, random) as it:
        it.configure(requests_per_minute=10, interval=f"{interval}s", max_lateness=f"{MAX_LATENESS}s")
        it.start()
        for day in range(1, days + 1):
            for moment in sorted(random.uniform(0, DAY) for _ in range(restarts_a_day)):
                await it.run(max(0.0, (day - 1) * DAY + moment - clock.monotonic()))
                await it.kill()
                growth.restarts += 1
                clock.advance(random.uniform(0, 60))
                it.start()
            await it.run(day * DAY - clock.monotonic())
            growth.days.append(_measure(it, day))
        await it.run(6 * 3600)  # the lists are quiet: what is pending finishes, what is late shows
        _judge(it, growth, lists)
        _judge_growth(growth)
    growth.requests = len(api.sent)
    return growth


def _arrivals(share: float, days: int, random: Random) -> Iterator[Arrival]:
    replay = trace.load().replay(START + 60 * SECOND, speed=HOUR_IN_A_DAY)
    month = takewhile(lambda arrival: arrival.at < START + days * DAY * SECOND, replay)
    return (arrival for arrival in month if random.random() < share)


def _measure(it: Timelapse, day: int) -> Size:
    log = it.ledger.with_name(f"{it.ledger.name}-wal")
    db = it.store._db  # the file is locked to everybody else

    def count(table: str) -> int:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    books, vanished = it.books, count("vanished")
    return Size(
        day=day,
        ledger=it.ledger.stat().st_size,
        log=log.stat().st_size,
        rows=sum(values[slots.COMPLETIONS] for values in books.totals.values()),
        ids=sum(map(len, ids_held(db).values())) - vanished,
        vanished=vanished,
        waiting=count("waiting"),
        requests=count("requests"),
        counters=count("counters"),
        series=count("series"),
        quarters=count("spend"),
        memory_waiting=sum(map(len, books.waiting.values())),
        memory_quarters=sum(map(len, books.spend.values())),
        memory_exemplars=sum(map(len, books.exemplars.values())),
        memory_rejects=sum(len(poller.intake._reported) for poller in it.pollers),
    )


def _judge(it: Timelapse, growth: Growth, lists: Mapping[str, Life]) -> None:
    """Every row that finished is counted once; nothing is waited for, and the lists are proven."""
    totals = it.books.totals
    for name, life in lists.items():
        mine = [values for key, values in totals.items() if key.source == name]
        rows, counted = len(life.finishing), sum(values[slots.COMPLETIONS] for values in mine)
        growth.rows += rows
        growth.counted += counted
        credits = sum(values[slots.CREDITS] for values in mine)
        if credits != MICRO * sum(row.credits for row in life.finishing):
            growth.problems.append(f"counted {counted} rows of {rows} in {name}, not the ones that came")
    for poller in it.pollers:
        beyond, unprovable, vanished = (
            it.telemetry.value(family, *poller.key)
            for family in (catalog.BEYOND_LATENESS, catalog.UNPROVABLE_PAGES, catalog.VANISHED_ROWS)
        )
        # A list whose newest row has vanished looks like an old one shown again: that may be said, and nothing else.
        if beyond or unprovable > vanished:
            growth.problems.append(
                f"{unprovable:g} pages of {poller.key} are unprovable, {beyond:g} rows beyond lateness"
            )
        if poller.intake.waiting or poller.gaps()[1]:
            growth.problems.append(f"{len(poller.intake.waiting)} rows waited for, {poller.gaps()[1]:g} s lost")


def _judge_growth(growth: Growth) -> None:
    """Nothing but what may has grown: all else is a share of a day's rows, or of a minute's requests."""
    daily = growth.rows / len(growth.days)
    for name, most in (("ids", daily / 8 + 100), ("waiting", daily / 8 + 100), ("requests", 25), ("log", 2**23)):
        worst = max(getattr(size, name) for size in growth.days)
        if worst > most:
            growth.problems.append(f"{name} grew to {worst}, more than {most:.0f}")
    settled = growth.days[:2][-1]
    if growth.days[-1].counters > settled.counters + 20:
        growth.problems.append(f"counters grew from {settled.counters} to {growth.days[-1].counters}")
    for size in growth.days:
        if size.quarters > len(SHARES) * (96 * (size.day + 1)) or size.memory_quarters > size.quarters:
            growth.problems.append(f"{size.quarters} quarters of an hour on day {size.day}")
        if size.memory_waiting != size.waiting or size.memory_rejects:
            growth.problems.append(f"{size.memory_waiting} rows are waited for in memory on day {size.day}")
        if size.memory_exemplars > size.series * COST_BUCKETS:
            growth.problems.append(f"{size.memory_exemplars} exemplars of {size.series} series on day {size.day}")
        allowed = LEDGER + 1.5 * (
            size.series * SERIES + (size.quarters + size.ids + size.vanished + size.waiting) * ENTRY
        )
        if size.ledger > allowed:
            growth.problems.append(f"the ledger has {size.ledger} bytes on day {size.day}, more than {allowed:.0f}")
    vanished, a_week = max(size.vanished for size in growth.days), 8 * VANISHING * daily
    if vanished > 2 * a_week + 20:
        growth.problems.append(f"{vanished} vanished rows are remembered, about {a_week:.0f} came in a week")
