"""Continuity as Prometheus sees it: two real ones watch an exporter through restarts, births, an outage and its end.

They start first, and scrape at different moments. What happens to the exporter between is a list of troubles; in the
end time is stopped at the stand-in, and what each Prometheus has stored is compared with the truth. The comparisons
are exact: the rise of stored samples knows no extrapolation, nor does ``increase()`` at the very last sample of series
that begin at 0.
"""

from __future__ import annotations

import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from exporter.api.values import label_value
from exporter.models import NO_SKILL, UNKNOWN_MODEL
from exporter.simulator.faults import Fault
from exporter.simulator.items import Item, Source
from exporter.simulator.truth import Key
from tests import realservers
from tests.e2e.host import free_port, peak_rss
from tests.e2e.process import Exporter, configuration, write
from tests.e2e.prometheus import Prometheus, increased, prometheus, risen
from tests.e2e.standin import Standin, Totals, compare, counted, expected, standin
from tests.e2e.waiting import until
from tests.proof.figures import Figures
from tests.proof.stored import births_not_at_0, decreases, disagreements, miscounted

WINDOW: Final = "1h"
INTERVALS: Final = ("1s", "1300ms")
"""How often the two scrape: so their moments differ, by another bit every time."""

HOLD: Final = "8s"
"""``metrics.birth_hold``: two scrapes of the slower one, and more to spare for a busy machine."""

COUNTERS: Final = '{__name__=~"vlmrun_.+_(total|bucket|count|sum)"}'

HISTOGRAMS: Final[Mapping[str, Callable[[Item], int | None]]] = {
    "vlmrun_completion_duration_seconds": lambda item: item.duration,
    "vlmrun_completion_time_to_first_token_seconds": lambda item: item.time_to_first_token,
    "vlmrun_completion_output_length_tokens": lambda item: item.output_tokens,
    "vlmrun_completion_cost_credits": lambda item: item.credits,
}
"""What the histograms observe of a row, None where it lacks that."""


@dataclass(slots=True)
class Run:
    """A run, from its first scrape on. The exporter is the one that lives at the moment."""

    upstream: Standin
    servers: Sequence[Prometheus]
    config: Path
    address: str
    exporter: Exporter
    kills: int = 0
    peak: int = 0
    truth: Totals = field(default_factory=dict)
    observed: Mapping[str, Mapping[tuple[str, ...], int]] = field(default_factory=dict)
    """How many rows each histogram had to observe, by `LABELS`."""

    def watch(self, scrapes: int, *, good: bool = False) -> None:
        """Let every Prometheus scrape so often, or try to; on a busy machine not every scrape is ``good``."""

        def number(server: Prometheus) -> float:
            return len(good_scrapes(server)) if good else _tries(server)

        enough = [number(server) + scrapes for server in self.servers]

        def done() -> bool:
            return all(number(server) >= each for server, each in zip(self.servers, enough, strict=True))

        until(done, 120, f"{scrapes} scrapes", every=0.2)

    def kill(self) -> None:
        """End the exporter as ``kill -9`` does."""
        self.peak = max(self.peak, peak_rss(self.exporter.process.pid))
        self.exporter.kill()
        self.kills += 1

    def stop(self) -> None:
        """End the exporter as it should be ended."""
        self.peak = max(self.peak, peak_rss(self.exporter.process.pid))
        assert self.exporter.stop(signal.SIGTERM).code == 0

    def start(self) -> None:
        """Start the next exporter."""
        self.exporter.http.close()
        self.exporter = Exporter(self.config, listen=(self.address,))

    def fault(self, fault: Fault, probability: float) -> None:
        """Switch a fault of the upstream."""
        self.upstream.simulation.control("POST", f"/fault/{fault}", probability=probability).raise_for_status()


def killed_at_once(run: Run) -> None:
    """``kill -9``, and the next exporter at once."""
    run.watch(6)  # long enough for the first series to show their values
    run.kill()
    run.start()
    run.watch(5)


def stopped_for_a_while(run: Run) -> None:
    """An orderly end, a pause of some scrapes, a start; rows go on arriving, and settle while nobody looks."""
    run.stop()
    run.watch(3)
    run.start()
    run.watch(3)


def killed_amid_births(run: Run) -> None:
    """New models and skills, and ``kill -9`` while their series are still shown as 0."""
    known = {label for key in expected(run.upstream.truth()) for label in (key.model, key.skill)}
    run.fault(Fault.HOSTILE_LABELS, 0.5)

    def born() -> bool:
        series = list(run.exporter.scrape().samples("vlmrun_completions_total"))
        return any({each.labels["model"], each.labels["skill"]} - known and each.value == 0 for each in series)

    until(born, 30.0, "a new series is shown as 0")
    run.kill()
    run.fault(Fault.HOSTILE_LABELS, 0.0)
    run.start()
    run.watch(5)


def out_of_reach(run: Run) -> None:
    """The API fails for longer than ``late_after``; what it then shows is counted as late, in series that are new."""
    run.fault(Fault.SERVER_ERROR, 1.0)
    run.watch(6)
    run.kill()
    run.start()
    run.watch(3)
    run.fault(Fault.SERVER_ERROR, 0.0)
    caught_up = 'sum(vlmrun_completions_total{late="true"})'
    before = run.servers[0].value(caught_up) or 0
    until(lambda: (run.servers[0].value(caught_up) or 0) > before, 60.0, "late rows are counted", every=0.2)


TROUBLES: Final = (killed_at_once, stopped_for_a_while, killed_amid_births, out_of_reach)


def run(*, rounds: int, seed: int, rate: float = 1.0) -> Figures:
    """Go so often through all troubles, and judge. Needs a Prometheus: see :func:`tests.realservers.find`."""
    binary = realservers.find("prometheus")
    if binary is None:
        return Figures(problems=["continuity was not looked at: no Prometheus is installed"])
    with (
        tempfile.TemporaryDirectory(prefix="vlmrun-exporter-continuity-") as folder,
        observed(binary, Path(folder), rounds=rounds, seed=seed, rate=rate) as watched,
    ):
        return judged(watched)


@contextmanager
def observed(binary: Path, folder: Path, *, rounds: int, seed: int, rate: float) -> Iterator[Run]:
    """Let two Prometheus servers watch an exporter through the troubles; yield once they have seen the last of it.

    ``rate`` is in rows of each traced request (8 a second).
    """
    with ExitStack() as stack:
        upstream = stack.enter_context(standin(rate=rate, seed=seed))
        address = f"127.0.0.1:{free_port()}"
        servers = []
        for interval in INTERVALS:
            place = folder / interval
            place.mkdir()
            servers.append(stack.enter_context(prometheus(binary, place, address, interval=interval)))
        document = configuration(
            upstream.url, folder, poll={"interval": "2s", "late_after": "4s"}, metrics={"birth_hold": HOLD}
        )
        for server in servers:
            until(lambda server=server: server.value("up") == 0, 60.0, "Prometheus looks for its target")  # type: ignore[misc]
        config = write(folder / "continuity.yaml", document)
        run = Run(upstream, servers, config, address, Exporter(config, listen=(address,)))
        stack.callback(lambda: run.exporter.__exit__(None, None, None))
        for _ in range(rounds):
            for trouble in TROUBLES:
                trouble(run)
        run.upstream.clock.stop()
        run.truth = expected(run.upstream.truth())
        run.observed = _observed(run.upstream)
        until(lambda: compare(run.truth, counted(run.exporter.scrape())), 60, "all is counted and shown", every=0.5)
        run.watch(2, good=True)
        run.peak = max(run.peak, peak_rss(run.exporter.process.pid))
        yield run


def judged(run: Run) -> Figures:
    """What the run came to; of the two Prometheus servers the one that is further off."""
    figures = Figures(kills=run.kills, peak_rss=run.peak)
    stored = [server.raw(f"{COUNTERS}[{WINDOW}]") for server in run.servers]
    for server, series in zip(run.servers, stored, strict=True):
        verdict = compare(run.truth, risen(server, WINDOW))
        figures.rows = verdict.rows
        figures.lost = max(figures.lost, verdict.lost)
        figures.doubled = max(figures.doubled, verdict.doubled)
        fallen = decreases(series)
        figures.decreases += len(fallen)
        figures.scrapes += len(good_scrapes(server))
        at = last_scrape(server)
        figures.problems += [
            *verdict.differences,
            *compare(run.truth, increased(server, WINDOW, at)).differences,
            *fallen,
            *resets(server, sorted({each.labels["__name__"] for each in series}), at),
            *births_not_at_0(series, good_scrapes(server)),
            *miscounted(run.observed, series),
        ]
    figures.problems += disagreements(*stored)
    return figures


def resets(server: Prometheus, names: Sequence[str], at: float) -> list[str]:
    """Every counter that Prometheus takes for reset."""
    return [
        f"{name}{dict(labels)} was reset {value:g} times"
        for name in names
        for labels, value in server.values(f"resets({name}[{WINDOW}]) > 0", at=at).items()
    ]


def good_scrapes(server: Prometheus) -> list[float]:
    """When scrapes were good (s)."""
    return [at for series in server.raw(f"up[{WINDOW}]") for at, value in series.samples if value]


def last_scrape(server: Prometheus) -> float:
    """When the last good scrape was (s): the time of the last samples."""
    return max(good_scrapes(server))


def _tries(server: Prometheus) -> float:
    """How often Prometheus has scraped, or tried to."""
    return server.value(f"count_over_time(up[{WINDOW}])") or 0.0


def _observed(upstream: Standin) -> dict[str, dict[tuple[str, ...], int]]:
    def look() -> tuple[int, list[Item]]:
        world = upstream.simulation.platform.world
        return world.now, [item for source in Source for item in world.rows(source)]

    now, items = upstream.simulation.call(look)
    counts: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in HISTOGRAMS}
    for item in items:
        if item.settled_at > now:
            continue
        model, skill = label_value(item.model or UNKNOWN_MODEL), label_value(item.skill or NO_SKILL)
        key = Key(item.source, model, skill, item.status)
        for name, value in HISTOGRAMS.items():
            counts[name][key] += value(item) is not None
    return {name: {key: number for key, number in found.items() if number} for name, found in counts.items()}
