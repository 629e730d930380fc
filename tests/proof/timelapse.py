"""Days in seconds: the real runtime, pollers, clients and ledger over real HTTP, by a clock that nobody waits for.

Time stands still while anything works, and jumps to what is due next once everything waits for it: a request that is
being answered, a place in the request budget, the pause before a retry, the next poll. So the polls of several lists
overlap as they do in real time, and nothing sleeps.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from heapq import heappop, heappush
from itertools import count
from math import ceil
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import trustme

from exporter.books import Books
from exporter.config import load
from exporter.daemon import layout
from exporter.metrics.catalog import Family
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import Snapshot
from exporter.metrics.spelling import Values
from exporter.metrics.telemetry import Telemetry
from exporter.models import SECOND
from exporter.poller import SourcePoller
from exporter.publisher import Publisher
from exporter.runtime import JITTER, Runtime, terms
from exporter.store import Store
from tests.clocks import FakeClock
from tests.proof.timelapse_api import TimelapseApi

_MEMORY = Path("/dev/shm")
SCRATCH = _MEMORY if _MEMORY.is_dir() else None
"""Where ledgers lie: in memory, for syncing them takes most of the time; other parts of the proof are about that."""


class Killed(BaseException):
    """The process is gone at this point: nothing in it may react."""


class TimelapseClock(FakeClock):
    """A clock whose sleepers are woken by the one who moves it. It ticks in whole microseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = asyncio.Event()
        """Set whenever somebody falls asleep."""
        self.ticks = 0
        """Microseconds that have really passed, however the clock was set."""
        self._order = count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (self.ticks + ceil(seconds * SECOND), next(self._order), future))
        self.changed.set()
        await future

    def advance(self, seconds: float) -> None:
        ticks = round(seconds * SECOND)
        self.ticks += ticks
        self._now += ticks
        self._monotonic = self.ticks / SECOND

    def advance_to(self, ticks: int) -> None:
        """Go on until so many ``ticks`` have passed, or until somebody wakes; that one is woken."""
        ticks = max(self.ticks, ticks)
        if self._sleepers:
            ticks = min(ticks, self._sleepers[0][0])
        self.advance((ticks - self.ticks) / SECOND)
        while self._sleepers and self._sleepers[0][0] <= self.ticks:
            heappop(self._sleepers)[2].set_result(None)

    @property
    def sleeping(self) -> int:
        return len(self._sleepers)

    def forget_sleepers(self) -> None:
        for _, _, future in self._sleepers:
            future.cancel()
        self._sleepers.clear()


class Unseen(Exposition):
    """What is published is not rendered: in compressed time nobody scrapes, and it would take most of it."""

    def publish(self, snapshot: Snapshot, own: Iterable[tuple[Family, Values]] = ()) -> None:
        pass


class MortalStore(Store):
    """The real ledger, in a process that may die as a request is recorded, or before or after a commit."""

    die: Callable[[str], bool] = staticmethod(lambda edge: False)
    """Asked at every edge whether this is the end."""

    def record_request(self, account: str, at: int) -> None:
        super().record_request(account, at)
        self._edge("request recorded")

    def commit(self, changes: object) -> None:
        self._edge("before commit")
        super().commit(changes)  # type: ignore[arg-type]
        self._edge("after commit")

    def _edge(self, name: str) -> None:
        if self.die(name):
            raise Killed(name)


class Timelapse:
    """An exporter in compressed time. Kill it and start it again as often as you like; the clock goes on."""

    def __init__(self, folder: Path, api: TimelapseApi, clock: TimelapseClock, random: Random) -> None:
        self.folder = folder
        self.api = api
        self.clock = clock
        self.die: Callable[[str], bool] = lambda edge: False
        self.died_at = ""
        """The edge at which the process died last."""
        self.exposition: Exposition = Unseen()
        self.publisher: Publisher
        self.runtime: Runtime
        self.books: Books
        self.telemetry: Telemetry
        self.store: MortalStore
        self._random = random
        self._cycles: dict[SourcePoller, asyncio.Task[None]] = {}
        self._due: dict[SourcePoller, int] = {}

    @property
    def pollers(self) -> list[SourcePoller]:
        return self.runtime.pollers

    @property
    def ledger(self) -> Path:
        return self.runtime.config.ledger.path

    def configure(self, *, sources: Mapping[str, object] | None = None, **poll: object) -> None:
        """Write the configuration for the next :meth:`start`."""
        self.folder.joinpath("key").write_text("key-1")
        account: dict[str, object] = {
            "name": "a",
            "base_url": f"{self.api.url}/v1",
            "api_key": {"file": str(self.folder / "key")},
            "ca_file": str(_few_authorities()),
        }
        if sources is not None:
            account["sources"] = sources
        document = {
            "accounts": [account],
            "poll": poll,
            "ledger": {"path": str(self.folder / "ledger.db")},
            "metrics": {"birth_hold": "0s"},
        }
        config_file = self.folder / "config.yaml"
        config_file.write_text(json.dumps(document))
        self._config = load(config_file, {})

    def start(self) -> None:
        """Start from what is in the ledger. Every list is polled at once, then on its timer."""
        self.store = MortalStore(self._config.ledger.path, layout())
        self.store.die = lambda edge: self.die(edge)
        self.books = Books(self.store, layout())
        self.telemetry = Telemetry(self.books.counters)
        self.publisher = Publisher(
            books=self.books,
            telemetry=self.telemetry,
            exposition=self.exposition,
            clock=self.clock,
            terms=terms(self._config),
        )
        self.runtime = Runtime(
            self._config,
            books=self.books,
            telemetry=self.telemetry,
            publisher=self.publisher,
            clock=self.clock,
            random=self._random,
            environ={},
            user_agent="timelapse",
            on_secret=lambda secret: None,
        )
        for poller in self.pollers:
            poller.show()
        self._cycles = {}
        self._due = dict.fromkeys(self.runtime.pollers, self.clock.ticks)

    async def run(self, seconds: float) -> bool:
        """Let ``seconds`` pass. Ends early, with False, if the process died: then :meth:`kill` it, for good."""
        end = self.clock.ticks + ceil(seconds * SECOND)
        while True:
            if not await self._quiet():
                return False
            if self.clock.ticks >= end:
                return True
            self.clock.advance_to(min(end, *self._due.values()))
            self._poll_what_is_due()

    async def kill(self) -> None:
        """End the process where it stands, as ``kill -9`` does: only what is committed is left."""
        for task in self._cycles.values():
            task.cancel()
        self.clock.forget_sleepers()
        await asyncio.gather(*self._cycles.values(), return_exceptions=True)
        self._cycles.clear()
        await self.runtime.stop()
        self.store.close()

    def _poll_what_is_due(self) -> None:
        """As the scheduler does: on time give or take the jitter, and a list still being polled misses its turn."""
        for poller, due in self._due.items():
            if due > self.clock.ticks:
                continue
            spread = 1 + self._random.uniform(-JITTER, JITTER)
            self._due[poller] = due + round(poller.source.interval * spread * SECOND)
            task = self._cycles.get(poller)
            if task is None or task.done():
                task = self._cycles[poller] = asyncio.ensure_future(poller.poll())
                task.add_done_callback(lambda _: self.clock.changed.set())

    async def _quiet(self) -> bool:
        """Wait until everything waits for the clock. False if the process died meanwhile."""
        while True:
            for task in self._cycles.values():
                if task.done() and (error := task.exception()) is not None:
                    if not isinstance(error, Killed):
                        raise error
                    self.died_at = str(error)
                    return False
            if sum(not task.done() for task in self._cycles.values()) <= self.clock.sleeping:
                return True
            self.clock.changed.clear()
            await self.clock.changed.wait()


@asynccontextmanager
async def timelapse(api: TimelapseApi, clock: TimelapseClock, random: Random) -> AsyncIterator[Timelapse]:
    """Serve ``api`` and prepare an exporter for it: configure and start it."""
    with TemporaryDirectory(dir=SCRATCH) as folder:
        async with api.serving():
            lapse = Timelapse(Path(folder), api, clock, random)
            try:
                yield lapse
            finally:
                await lapse.kill()


@cache
def _few_authorities() -> Path:
    """A short list of certificate authorities: the system's takes longer to read than a restart may."""
    folder = TemporaryDirectory(ignore_cleanup_errors=True)
    path = Path(folder.name) / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    _few_authorities.folder = folder  # type: ignore[attr-defined]  # lives as long as the process
    return path
