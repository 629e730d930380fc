"""A real Prometheus over a history, alone or going on from it with a live exporter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from exporter.alerts.drill.server import Server
from tests import realservers
from tests.dashboards.past.history import INSTANCE, History
from tests.e2e.host import free_port
from tests.e2e.process import write
from tests.e2e.prometheus import JOB, Prometheus
from tests.e2e.serving import serving

BACK: Final = "2d"
"""How old samples may be that are written beside the blocks: ends of series, and what rules come to."""


@dataclass(frozen=True, slots=True)
class Live:
    """An exporter to be scraped: its address (HOST:PORT), how often, and the rules that are evaluated as often."""

    address: str
    interval: str
    rules: Sequence[Path] = ()


@contextmanager
def over(history: History, folder: Path, live: Live | None = None) -> Iterator[Prometheus]:
    """Run a Prometheus on the blocks of ``history``, with its configuration and log in ``folder``.

    It takes samples by remote write, too. What it scrapes carries the labels of the history. Skips the test that asks
    if there is no Prometheus.
    """
    command: tuple[str | Path, ...] = (
        realservers.require("prometheus"),
        f"--config.file={write(folder / 'prometheus.yml', _configuration(live))}",
        f"--storage.tsdb.path={history.blocks}",
        "--storage.tsdb.retention.time=30d",
        # No compaction: a hundred blocks would be read and written at the start.
        "--storage.tsdb.max-block-duration=2h",
        "--web.enable-remote-write-receiver",
        "--enable-feature=exemplar-storage",
    )
    with serving("prometheus", command, folder, f"127.0.0.1:{free_port()}") as http:
        Server(http).write(history.ends)
        yield Prometheus(http)


def _configuration(live: Live | None) -> dict[str, Any]:
    document: dict[str, Any] = {"storage": {"tsdb": {"out_of_order_time_window": BACK}}}
    if live is None:
        return document
    target = {"targets": [live.address], "labels": {"instance": INSTANCE}}
    every = {"scrape_interval": live.interval, "scrape_timeout": live.interval, "evaluation_interval": live.interval}
    return {
        **document,
        "global": every,
        "rule_files": [str(file) for file in live.rules],
        "scrape_configs": [{"job_name": JOB, "static_configs": [target]}],
    }
