"""The present on top of a history: stand-in, exporter and Prometheus in real time, until everything is counted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from exporter.simulator.items import Item, Source
from tests.dashboards.past import days, firing, history
from tests.dashboards.past.compressed import DASHBOARDS, LINK, RUNBOOKS
from tests.dashboards.past.history import History
from tests.dashboards.past.incidents import HOUR
from tests.dashboards.past.server import Live, over
from tests.e2e.host import free_port
from tests.e2e.process import ROOT, Exporter, configuration, write
from tests.e2e.prometheus import Prometheus
from tests.e2e.scrape import Scrape
from tests.e2e.standin import Standin, Totals, compare, counted, expected, standin
from tests.e2e.waiting import until

INTERVAL: Final = "2s"
SCRAPES: Final = 25
"""At least: some panels look at the last minute only."""

GAP: Final = 330
"""Seconds that lie between history and present at least: nothing of the one is seen from the other."""

EVALUATED: Final = 2 * HOUR
"""Of the history: for how long the rules were there already (s)."""

RULES: Final = sorted((ROOT / "rules").glob("*.rules.yml"))

ACTS: Final[Sequence[tuple[str, int, str, Mapping[str, str]]]] = (
    ("slow-low-token", 5, "vlmrun_slow_low_token_completions_total", {"model": "vlmrun-orion-1:pro"}),
    ("error-spike", 20, "vlmrun_completions_total", {"skill": "document.invoice", "status": "error"}),
    ("credit-burn", 100, "vlmrun_completions_total", {}),
)
"""Scenarios in the order in which they are played; each goes on until a family's samples have risen by so much."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What there is to look at. Times are in seconds since the epoch.

    Every row of the present was counted, and scraped, after ``start`` and by ``end``, which is the time of a scrape:
    there, ``increase()`` over ``window`` is exactly the ``truth``.
    """

    prometheus: Prometheus
    exporter: Exporter
    configuration: Mapping[str, Any]
    start: float
    end: float
    truth: Totals
    items: Sequence[Item]
    """The rows that the truth is the sum of."""
    history: History

    @property
    def window(self) -> str:
        """From ``start`` to ``end``, as PromQL writes a duration."""
        return f"{round((self.end - self.start) * 1000)}ms"

    def scrape(self) -> Scrape:
        """Return what the exporter shows, which changes no more but for its own work."""
        return self.exporter.scrape()


@contextmanager
def recording(folder: Path) -> Iterator[Recording]:
    """Make a history in ``folder``, and let the present come after it."""
    ends = (int(time.time()) - GAP) // 60 * 60
    past, _ = history.make(history.tested(ends), folder / "data")
    address = f"127.0.0.1:{free_port()}"
    live = Live(address, INTERVAL, RULES)
    with standin(rate=3.0) as upstream, over(past, folder, live) as server:
        firing.evaluate(server, past.end - EVALUATED, past.end)
        document = _configuration(upstream.url, folder)
        until(lambda: server.value("up") == 0, 60.0, "Prometheus looks for its target")
        start = time.time()
        with Exporter(write(folder / "config.yaml", document), listen=(address,)) as exporter:
            exporter.ready()
            for act in ACTS:
                _play(upstream, exporter, *act)
            until(lambda: _scrapes(server, start) >= SCRAPES, 120.0, f"{SCRAPES} scrapes", every=0.5)
            upstream.clock.stop()
            truth = expected(upstream.truth())
            until(lambda: compare(truth, counted(exporter.scrape())), 60.0, "all is counted and shown", every=0.5)
            shown = time.time()
            end = until(lambda: _scraped_after(server, shown), 60.0, "one more scrape")
            yield Recording(server, exporter, document, start, end, truth, _settled(upstream), past)


def _configuration(url: str, folder: Path) -> dict[str, Any]:
    return configuration(
        url,
        folder,
        poll={"interval": "1s"},
        metrics={"birth_hold": "20s"},
        slow_low_token={"min_duration": "2s"},
        links={"completion": LINK, "dashboards": DASHBOARDS, "runbooks": RUNBOOKS},
        budgets=days.budgets(int(time.time())),
    )


def _play(upstream: Standin, exporter: Exporter, scenario: str, by: int, name: str, labels: Mapping[str, str]) -> None:
    upstream.simulation.control("POST", f"/scenario/{scenario}").raise_for_status()
    enough = exporter.scrape().sum(name, **labels) + by
    until(lambda: exporter.scrape().sum(name, **labels) >= enough, 300.0, f"{name} rises with {scenario}", every=1.0)


def _scrapes(server: Prometheus, since: float) -> float:
    return server.value(f"sum_over_time(up[{round(time.time() - since)}s])") or 0.0


def _scraped_after(server: Prometheus, moment: float) -> float | None:
    """When the last scrape was, if it worked and was after ``moment``.

    Only of a plain selector is a timestamp that of the sample, and not of asking.
    """
    last = server.value("timestamp(up) and up == 1")
    return last if last is not None and last > moment else None


def _settled(upstream: Standin) -> list[Item]:
    def look() -> list[Item]:
        world = upstream.simulation.platform.world
        return [item for source in Source for item in world.rows(source) if item.settled_at <= world.now]

    return upstream.simulation.call(look)
