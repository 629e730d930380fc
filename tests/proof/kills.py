"""The kill harness: thousands of ``kill -9``, at random moments and at every edge, amid every fault of the upstream.

The real command line, the real ledger, and the hostile stand-in in real time; an exporter is killed at a random moment
of its life, its start included, or at an edge of :mod:`tests.proof.edges`, and started again at once. Two scrapers
read /metrics all the while, one a format. At the end nothing may be lost, nothing doubled, no counter may have gone
back or away, and every edge must have killed.
"""

from __future__ import annotations

import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

from exporter.simulator.faults import Fault, Limits
from exporter.simulator.platform import Platform
from tests.e2e.host import free_port, peak_rss
from tests.e2e.process import Exporter, configuration, write
from tests.e2e.scrape import OPENMETRICS, TEXT, Scrape
from tests.e2e.standin import standin
from tests.e2e.waiting import until
from tests.e2e.watch import Watch
from tests.proof.conclusion import conclude
from tests.proof.edges import EDGES, Phase
from tests.proof.figures import Figures
from tests.proof.nursery import Life, Nursery, tail

LIMITS: Final = Limits(
    late_seconds=60.0,
    exposure_seconds=900.0,
    tie_seconds=2.0,
    pending_seconds=60.0,
    omitted_seconds=15.0,
    frozen_seconds=10.0,
    slow_seconds=0.3,
    hang_seconds=5.0,
    retry_after_seconds=1,
    clamp_rows=60,
    bomb_bytes=256 << 20,
)
"""The faults of the scenario, compressed: a row is listed never later than `POLL` allows, and for a quarter of an hour
at least, so that no row is gone before an exporter that is killed all the time could have read it.

No more rows share one creation time than fit into a page that the server cut short: what tells them apart otherwise?
"""

POLL: Final = {
    "interval": "1s",
    "page_size": 100,
    "max_lateness": "5m",
    "requests_per_minute": 6000,
    "timeout": "2s",
    "start": "2h",
}

BACKLOG: Final = 120.0
"""Seconds of traffic that are listed already when the first exporter starts; they count too."""

RANDOM: Final = "at random"
STOPPED: Final = "at random after SIGTERM"
"""Kills that no edge decides."""

BIRTH: Final = "birth released, not shown"
HINTS: Final = {Phase.STOPPING: signal.SIGTERM, Phase.RELOADING: signal.SIGHUP}
LEAST: Final = 3
"""Kills at every edge."""

LONGEST_LIFE: Final = 3.0
LONGEST_WAY: Final = 8.0
"""Seconds that it may take to an edge."""

LONGEST_REST: Final = 10.0
BEHIND: Final = 480.0
"""Seconds that the watermark may lie behind: `POLL`'s lateness, and as long as the stand-in's rows take to settle. On a
busy machine that kills faster than an exporter can count, one that is further behind lives for longer."""

TRIES: Final = 6
"""An edge that so many lives in a row did not reach is not reached any more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the kills came to."""

    figures: Figures
    kills: dict[str, int]
    """How often each edge killed, or none of them."""
    scrapes: int
    seconds: float

    def table(self) -> str:
        """Write how often each edge killed."""
        lines = [f"{number:>6}  {name}" for name, number in self.kills.items()]
        return "\n".join([*lines, f"{self.scrapes:>6}  scrapes, in {self.seconds:.0f} s"])


def run(*, kills: int, seed: int, rate: float = 1.0, settle: bool = True, catch_up: float = 120.0) -> Figures:
    """Kill so often, print how often at which edge, and return what it came to; see :func:`harass`."""
    with tempfile.TemporaryDirectory(prefix="vlmrun-exporter-kills-") as folder:
        outcome = harass(Path(folder), kills=kills, seed=seed, rate=rate, settle=settle, catch_up=catch_up)
    print(outcome.table())
    return outcome.figures


def harass(folder: Path, *, kills: int, seed: int, rate: float, settle: bool, catch_up: float) -> Outcome:
    """Kill an exporter ``kills`` times, then let one count everything, until ``catch_up`` seconds bring nothing more.

    ``rate`` is in rows of each traced request (8 a second). With ``settle`` every row is waited for in the end,
    otherwise time is stopped at the stand-in. Ledger and log are left in ``folder``.
    """
    began = time.monotonic()
    address = f"127.0.0.1:{free_port()}"
    options = {"scenario": "hostile", "seed": seed, "rate": rate, "history": BACKLOG, "limits": LIMITS}
    with ExitStack() as stack:
        upstream = stack.enter_context(standin(**options))
        struck = count_faults(upstream.simulation.platform)
        document = configuration(upstream.url, folder, poll=POLL, metrics={"birth_hold": "300ms"})
        config = write(folder / "kills.yaml", document)
        watches = [
            stack.enter_context(Watch(f"http://{address}/metrics", pause=0.2, accept=accept, encoding=encoding))
            for accept, encoding in ((TEXT, "identity"), (OPENMETRICS, "gzip"))
        ]
        campaign = Campaign(folder, stack.enter_context(Nursery()), config, address, Random(seed), watches[0])
        campaign.kill(kills)
        with Exporter(config, listen=(address,)) as exporter:
            exporter.ready(60.0)
            verdict, last = conclude(upstream, exporter, settle=settle, catch_up=catch_up)
            campaign.peak = max(campaign.peak, peak_rss(exporter.process.pid))
            for watch in watches:
                scraped_once_more(watch)
    problems = [*campaign.problems, *verdict.differences, *oddities(last), *complaints(folder / "exporter.log")]
    for watch in watches:
        problems += [f"went back: {series} from {before:g} to {after:g}" for series, before, after in watch.decreases]
        problems += [f"gone: {series}" for series in sorted(watch.gone)]
    scrapes = sum(watch.scrapes for watch in watches)
    figures = Figures(
        rows=verdict.rows,
        lost=verdict.lost,
        doubled=verdict.doubled,
        decreases=sum(len(watch.decreases) + len(watch.gone) for watch in watches),
        scrapes=scrapes,
        kills=campaign.kills.total(),
        faults=struck.total(),
        peak_rss=campaign.peak,
        problems=[f"{problem} (kills of seed {seed})" for problem in problems],
    )
    return Outcome(figures, dict(campaign.kills), scrapes, time.monotonic() - began)


class Campaign:
    """The lives of one run, one after the other on the same ledger."""

    def __init__(
        self, folder: Path, nursery: Nursery, config: Path, address: str, random: Random, watch: Watch
    ) -> None:
        """``watch`` tells how far the exporters have come."""
        self.kills: Counter[str] = Counter(dict.fromkeys((*killing_edges(), STOPPED, RANDOM), 0))
        self.problems: list[str] = []
        self.peak = 0
        self._folder = folder
        self._log = folder / "exporter.log"
        self._nursery = nursery
        self._config = config
        self._arguments = (f"--config.file={config}", f"--web.listen-address={address}")
        self._random = random
        self._watch = watch

    def kill(self, kills: int) -> None:
        """Kill so often, or a little more, for every edge has to kill thrice."""
        for _ in range(max(LEAST, kills // 100)):
            # Nothing has been counted yet, so nothing is lost with what the kills have left of the ledger.
            for file in self._folder.glob("ledger.db*"):
                file.unlink()
            for name in killing_edges(Phase.CREATING):
                self._at_edge(name)
        for _ in range(LEAST):  # births are rare once the models and skills of the traffic are known
            self._at_edge(BIRTH)
        others = [name for name in killing_edges() if EDGES[name].phase is not Phase.CREATING and name != BIRTH]
        plan = [*others, STOPPED] * max(LEAST, kills // 40)
        plan += [RANDOM] * max(LEAST, kills - self.kills.total() - len(plan))
        self._random.shuffle(plan)
        for name in plan:
            if self.kills.total() >= kills and self.kills[name] >= LEAST:
                continue  # lives that missed their edge were killed at random, beyond the plan
            if behind(self._watch.latest) > BEHIND:
                self._live(seconds=self._random.uniform(LONGEST_LIFE, LONGEST_REST))
            if name == RANDOM:
                self._live(seconds=self._random.uniform(0.05, LONGEST_LIFE))
            elif name == STOPPED:
                self._after_sigterm()
            else:
                self._at_edge(name)
        self.problems += [f"{name!r} killed {n} times only" for name, n in self.kills.items() if n < LEAST]

    def _at_edge(self, name: str) -> None:
        """Kill at an edge; a life that does not come so far is killed in the end, and another one tries."""
        edge = EDGES[name]
        passage = self._random.randint(1, edge.passages)
        for _ in range(TRIES):
            hint, hint_at = HINTS.get(edge.phase), self._random.uniform(0.0, 0.8)
            how: dict[str, Any] = {"hint": hint, "hint_at": hint_at, "seconds": LONGEST_WAY}
            if edge.phase is Phase.RELOADING:
                how["new_config"] = (str(self._config), self._changed())
            if self._live(edge=name, passage=passage, **how):
                return
            passage = max(1, passage // 2)

    def _changed(self) -> str:
        """Return another configuration than the present one, which counts the same."""
        document = yaml.safe_load(self._config.read_text(encoding="utf-8"))
        document["slo"] = {"error_ratio": self._random.uniform(0.01, 0.5)}
        return yaml.safe_dump(document)

    def _after_sigterm(self) -> None:
        """Kill amid an orderly end; one that was too quick for that is tried again."""
        for _ in range(TRIES):
            kills = self.kills[STOPPED]
            at, seconds = self._random.uniform(0.0, 1.2), self._random.uniform(0.0, 0.1)
            self._live(STOPPED, hint=signal.SIGTERM, hint_at=at, seconds=seconds)
            if self.kills[STOPPED] > kills:
                return

    def _live(self, ending: str = RANDOM, **how: Any) -> bool:
        """Let an exporter live; return whether its edge killed it. ``ending`` is what a kill in the end is called."""
        life = Life(arguments=self._arguments, folder=str(self._folder), log=str(self._log), **how)
        end = self._nursery.live(life)
        self.peak = max(self.peak, end.peak_rss)
        if end.killed:
            self.kills[ending] += 1
        elif end.at_edge and life.edge is not None:
            self.kills[life.edge] += 1
        elif life.hint != signal.SIGTERM or end.code != 0:
            self.problems.append(f"an exporter ended by itself with {end.code}: {tail(self._log)}")
        return end.at_edge


def killing_edges(*phases: Phase) -> list[str]:
    """Return the names of the edges that kill, those of some phases or all, in the order of a life."""
    return [name for name, edge in EDGES.items() if edge.kills and edge.phase in (phases or Phase)]


def behind(text: str) -> float:
    """How far (s) the watermark of the slowest list lies behind the present, by a scrape; 0 without one."""
    marks = [
        float(mark) for mark in re.findall(r"^vlmrun_exporter_watermark_timestamp_seconds\{.*\} (.+)$", text, re.M)
    ]
    return time.time() - min(marks) if marks else 0.0


def count_faults(platform: Platform) -> Counter[Fault]:
    """Count, from now on, the faults that strike."""
    struck: Counter[Fault] = Counter()
    hit = platform.faults.hit

    def counting(fault: Fault, random: Random) -> bool:
        strikes = hit(fault, random)
        struck[fault] += strikes
        return strikes

    platform.faults.hit = counting  # type: ignore[method-assign]  # nothing of the stand-in counts them
    return struck


def oddities(scrape: Scrape) -> Iterator[str]:
    """Say what else a scrape must not show: time given up, a ledger taken for rolled back, tasks that failed."""
    for name, labels in (
        ("vlmrun_exporter_coverage_gap_seconds", {"state": "lost"}),
        ("vlmrun_exporter_ledger_rolled_back", {}),
        ("vlmrun_exporter_task_failures_total", {}),
    ):
        found = list(scrape.samples(name, **labels))
        if not found or any(sample.value for sample in found):
            yield f"{name}{labels} is {[sample.value for sample in found]}"


def complaints(log: Path) -> Iterator[str]:
    """Yield what the exporters logged as errors; kills are none, nor is the upstream."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if "level=error" in line or "Traceback" in line:
                yield f"logged: {line.rstrip()}"


def scraped_once_more(watch: Watch) -> None:
    """Wait for a scrape that began later than this call."""
    so_far = watch.scrapes
    until(lambda: watch.scrapes > so_far + 1, 30.0, "one more scrape")
