"""The kill harness: ``python -m tests.e2e.soak --kills 200 --seed 1``.

Every fault that a careful poller survives, on a stand-in in real time; an exporter that is killed (``kill -9``) at
random moments, its start included, and started again; a scraper that reads /metrics all the while. At the end nothing
may be lost, nothing doubled, and no counter may ever have gone back. Exits 1 otherwise.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from subprocess import TimeoutExpired

from exporter.simulator.faults import Limits
from tests.e2e.process import Exporter, configuration, write
from tests.e2e.standin import Standin, Verdict, compare, counted, expected, standin
from tests.e2e.waiting import until
from tests.e2e.watch import Decrease, Watch

LIMITS = Limits(
    late_seconds=60.0,
    exposure_seconds=180.0,
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
"""The faults of the scenario, compressed: a row is listed never later than `POLL` allows, and for three minutes at
least, so that no row is gone before an exporter that is killed all the time could have read it.

No more rows share one creation time than fit into a page that the server cut short: what tells them apart otherwise?
"""

POLL = {
    "interval": "1s",
    "page_size": 100,
    "max_lateness": "5m",
    "requests_per_minute": 6000,
    "timeout": "2s",
    "start": "2h",
}

BACKLOG = 120.0
"""Seconds of traffic that are listed already when the first exporter starts; they count too."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``rate`` is in rows of each traced request (8 a second), lives are in seconds."""

    kills: int
    seed: int
    rate: float = 1.0
    longest_life: float = 6.0
    settle: bool = True
    """Whether to wait, at the end, for every row to settle, rather than to stop time."""
    catch_up: float = 600.0
    """Seconds that the exporter has at the end, to have counted everything."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a soak came to. ``seconds`` is its duration, ``peak_rss`` is in bytes."""

    plan: Plan
    verdict: Verdict
    scrapes: int
    decreases: tuple[Decrease, ...]
    gone: tuple[str, ...]
    seconds: float
    peak_rss: int

    @property
    def good(self) -> bool:
        """Whether every row was counted once and nothing went back."""
        return bool(self.verdict) and not self.decreases and not self.gone

    def table(self) -> str:
        """Write the result as a table of one row, and what is wrong below it."""
        cells = {
            "rows": f"{self.verdict.rows:,}",
            "kills": str(self.plan.kills),
            "lost": str(self.verdict.lost),
            "doubled": str(self.verdict.doubled),
            "decreases": str(len(self.decreases)),
            "scrapes": f"{self.scrapes:,}",
            "duration": f"{self.seconds:.0f} s",
            "peak RSS": f"{self.peak_rss / 2**20:.0f} MiB",
        }
        widths = [max(len(name), len(value)) for name, value in cells.items()]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in (cells.keys(), cells.values())
        ]
        lines += self.verdict.differences
        lines += [f"went back: {series} from {before:g} to {after:g}" for series, before, after in self.decreases]
        lines += [f"gone: {series}" for series in self.gone]
        return "\n".join(lines)


def soak(plan: Plan, folder: Path) -> Report:
    """Carry out a plan; ledger and log are left in ``folder``. Raises AssertionError if an exporter ends by itself."""
    random = Random(plan.seed)
    began = time.monotonic()
    address = f"127.0.0.1:{free_port()}"
    peak = 0
    options = {"scenario": "hostile", "seed": plan.seed, "rate": plan.rate, "history": BACKLOG, "limits": LIMITS}
    with standin(**options) as upstream, Watch(f"http://{address}/metrics") as watch:
        document = configuration(upstream.url, folder, poll=POLL, metrics={"birth_hold": "300ms"})
        config = write(folder / "soak.yaml", document)
        for _ in range(plan.kills):
            with Exporter(config, listen=(address,)) as exporter:
                _live(exporter, random.uniform(0.0, plan.longest_life))
                peak = max(peak, peak_rss(exporter.process.pid))
                exporter.kill()
        with Exporter(config, listen=(address,)) as exporter:
            exporter.ready(60.0)
            verdict = _conclude(plan, upstream, exporter)
            peak = max(peak, peak_rss(exporter.process.pid))
            _scraped_once_more(watch)
    seconds = time.monotonic() - began
    return Report(plan, verdict, watch.scrapes, tuple(watch.decreases), tuple(sorted(watch.gone)), seconds, peak)


def _live(exporter: Exporter, seconds: float) -> None:
    """Let an exporter run for ``seconds``, in which it must not end by itself."""
    try:
        code = exporter.process.wait(seconds)
    except TimeoutExpired:
        return
    raise AssertionError(f"the exporter ended by itself with {code}:\n{exporter.logs}")


def _conclude(plan: Plan, upstream: Standin, exporter: Exporter) -> Verdict:
    """Let no more rows come, wait until everything is counted, and judge; a difference that stays is the result."""
    if plan.settle:
        upstream.freeze()
        until(lambda: upstream.truth().unsettled == 0, plan.catch_up, "every row has settled", every=1.0)
    else:
        upstream.clock.stop()
    truth = expected(upstream.truth())
    deadline = time.monotonic() + plan.catch_up
    verdict = compare(truth, counted(exporter.scrape()))
    while not verdict and time.monotonic() < deadline:
        time.sleep(0.5)
        verdict = compare(truth, counted(exporter.scrape()))
    return verdict


def _scraped_once_more(watch: Watch) -> None:
    so_far = watch.scrapes
    until(lambda: watch.scrapes > so_far, 30.0, "one more scrape")


def free_port() -> int:
    """Return a port that was free a moment ago, for a server that must come back on the same one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def peak_rss(pid: int) -> int:
    """Return the largest resident set of a process so far, in bytes; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    lines = (line.split() for line in status.splitlines() if line.startswith("VmHWM:"))
    return next((int(line[1]) * 1024 for line in lines), 0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a soak from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the faults and of the moments of the kills")
    parser.add_argument("--rate", type=float, default=1.0, help="rows of each traced request; 1 is about 8 a second")
    parser.add_argument("--longest-life", type=float, default=6.0, metavar="SECONDS", help="of an exporter")
    parser.add_argument("--catch-up", type=float, default=600.0, metavar="SECONDS", help="at the end")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave ledger and log there")
    given = parser.parse_args(arguments)
    plan = Plan(given.kills, given.seed, given.rate, given.longest_life, catch_up=given.catch_up)
    with tempfile.TemporaryDirectory(prefix="vlmrun-exporter-soak-") as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        report = soak(plan, folder)
    print(report.table())
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
