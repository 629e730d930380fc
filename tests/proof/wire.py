"""The real exporter behind the proxy: through every fault of the wire, and each row is counted exactly once."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

from exporter.models import FailureReason
from tests.e2e.host import free_port, peak_rss
from tests.e2e.process import KEY, Exporter, configuration, write
from tests.e2e.standin import standin
from tests.e2e.waiting import until
from tests.e2e.watch import Watch
from tests.proof.conclusion import conclude
from tests.proof.figures import Figures
from tests.proof.proxy import Fault, Proxy, Reply, Wire, open_door
from tests.proof.truncation import LISTS
from tests.proof.wirefaults import PATIENCE, Affliction, afflictions, thresholds

T = TypeVar("T")

FAILURES = "vlmrun_exporter_poll_failures_total"
TASK_FAILURES = "vlmrun_exporter_task_failures_total"

POLL = {"interval": "100ms", "timeout": f"{round(PATIENCE * 500)}ms", "max_lateness": "10m", "start": "2h"}

RSS_LIMIT = 256 << 20
"""Bytes: what a container with a usual limit has, and the exporter must not need."""

_FAILED = re.compile(FAILURES + r'\{.*reason="(\w+)".*\} [1-9]')

REFUSED = "refused"
_SAYS_REFUSED = b"Connection refused"
"""How the exporter's log calls it; its counters put it together with connections that are reset."""

_REFUSED_SECONDS = 30.0
"""How long it may take until a poll has failed for that."""

_STRIKE_SECONDS = 240.0
"""How long it may take until every fault has struck."""

_CATCH_UP_SECONDS = 120.0


def run(*, seconds: float, seed: int) -> Figures:
    """Spoil what passes for ``seconds`` and until every fault has struck; then let all be well, and count."""
    random = Random(seed)
    figures = Figures()
    address = f"127.0.0.1:{free_port()}"
    with (
        tempfile.TemporaryDirectory(prefix="vlmrun-exporter-wire-") as folder,
        standin(rate=0.5, history=120.0, seed=seed) as upstream,
        Proxy(upstream.url).run() as proxy,
        Watch(f"http://{address}/metrics") as watch,
    ):
        config = write(Path(folder) / "wire.yaml", configuration(proxy.url(), Path(folder), poll=POLL))
        with Exporter(config, listen=(address,)) as exporter:
            exporter.ready()
            weather = Weather(proxy.struck, random)
            proxy.switch.faults = {f"/v1{path}": weather.of(name) for name, path in LISTS.items()}
            proxy.switch.front = weather.front
            figures.problems += _storm(proxy, weather, exporter, seconds, random)
            proxy.switch.faults, proxy.switch.front = {}, open_door
            proxy.hang_up()
            verdict, _ = conclude(upstream, exporter, settle=False, catch_up=_CATCH_UP_SECONDS)
            figures.rows, figures.lost, figures.doubled = verdict.rows, verdict.lost, verdict.doubled
            figures.problems += verdict.differences
            figures.problems += _said(exporter)
            figures.peak_rss = peak_rss(exporter.process.pid)
            so_far = watch.scrapes
            while watch.scrapes == so_far:
                time.sleep(0.05)
        figures.faults = sum(proxy.struck[name] for name in weather.names)
    figures.decreases, figures.scrapes = len(watch.decreases) + len(watch.gone), watch.scrapes
    figures.problems += [f"went back: {series} from {before} to {after}" for series, before, after in watch.decreases]
    if figures.peak_rss > RSS_LIMIT:
        figures.problems.append(f"peak RSS of {figures.peak_rss / 2**20:.0f} MiB")
    return figures


class Weather:
    """Draws faults so that each strikes as often as any other, a few requests in a row, with good answers between."""

    def __init__(self, struck: Counter[str], random: Random) -> None:
        """Note in ``struck`` which fault has struck how often."""
        self._struck = struck
        self._random = random
        answers, connections = afflictions(random), thresholds()
        self._afflictions = _shuffled(answers, random)
        self._fronts = _shuffled(connections, random)
        self.names = {REFUSED, *(each.name for each in answers), *(each.name for each in connections)}

    @property
    def missing(self) -> set[str]:
        """The faults that have not struck yet."""
        return {name for name in self.names if not self._struck[name]}

    def of(self, name: str) -> Fault:
        """Return the fault of one list: another one every few requests."""
        coming: list[Affliction | None] = []

        async def strike(reply: Reply, wire: Wire) -> None:
            if not coming:
                # Three in a row fail a poll for certain: it is tried no more often.
                coming.extend([next(self._afflictions)] * self._random.randint(1, 3))
                coming.extend([None] * self._random.randint(0, 1))
            affliction = coming.pop(0)
            if affliction is None:
                await wire.send(reply.raw)
            else:
                self._struck[affliction.name] += 1
                await affliction.fault(reply, wire)

        strike.__name__ = f"weather of {name}"
        return strike

    async def front(self, wire: Wire) -> bool:
        """Begin a connection, seldom badly."""
        if self._random.random() < 0.95:
            return True
        threshold = next(self._fronts)
        self._struck[threshold.name] += 1
        return await threshold.front(wire)


def _shuffled(things: Sequence[T], random: Random) -> Iterator[T]:
    """Yield all things in a random order, for ever."""
    while True:
        yield from random.sample(things, len(things))


def _storm(proxy: Proxy, weather: Weather, exporter: Exporter, seconds: float, random: Random) -> Iterator[str]:
    """Let the weather be, and refuse connections now and then; say what never struck, and what never showed."""
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds or weather.missing or _unsaid(exporter):
        if elapsed > seconds + _STRIKE_SECONDS:
            yield f"never struck: {', '.join(sorted(weather.missing)) or 'none'}"
            yield f"no failed poll ever said: {', '.join(_unsaid(exporter)) or 'none'}"
            return
        time.sleep(random.uniform(1.0, 5.0))
        refuse(proxy, exporter.log_file)


def refuse(proxy: Proxy, log_file: Path, seconds: float = _REFUSED_SECONDS) -> None:
    """Refuse connections until a poll has failed for it. Raises AssertionError if none has within ``seconds``."""
    with log_file.open("rb") as log:
        log.seek(0, os.SEEK_END)
        said = bytearray()

        def told() -> bool:
            said.extend(log.read())
            return _SAYS_REFUSED in said

        proxy.refuse()
        try:
            until(told, seconds, "a poll fails because connections are refused")
            proxy.struck[REFUSED] += 1
        finally:
            proxy.listen()


def _said(exporter: Exporter) -> Iterator[str]:
    """Whether anything was said that must not be, or not said that must."""
    scrape = exporter.scrape()
    if scrape.sum(TASK_FAILURES):
        yield f"unexpected errors: {exporter.logs[-5000:]}"
    if scrape.sum(FAILURES, reason=FailureReason.LEDGER.value):
        yield "a fault of the wire was taken for one of the ledger"
    if KEY in exporter.logs or KEY in scrape.text:
        yield "the API key shows"


def _unsaid(exporter: Exporter) -> set[str]:
    """The reasons that no failed poll has had yet: found, not parsed, since they are looked for all the time."""
    said = set(_FAILED.findall(exporter.get("/metrics").text))
    return {reason.value for reason in FailureReason if reason is not FailureReason.LEDGER} - said
