"""Servers of the same exposition: the real exporter with a ledger of many series, and peers fed with what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks import population
from benchmarks.exporter import Exporter, configuration
from benchmarks.peers import subjects as peers
from benchmarks.setting import Bench
from benchmarks.subjects import Running, Subject, SubjectError
from benchmarks.upstream import UNHURRIED, address, caught_up, upstream

OURS = "exporter"

TOLD = {"interval": "1h", "late_after": "14d"}
"""Lists are asked once, so that what is served does not change any more; no series is doubled by late rows."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where ``/metrics`` is served, and by which process."""

    port: int
    pid: int


@contextmanager
def counted(bench: Bench, lines: int) -> Iterator[Exporter]:
    """An exporter that has counted, itself, as many combinations as make about so many sample lines."""
    number = population.needed(lines)
    rows = number * population.ROWS
    folder = bench.folder(f"counted-{lines}")
    with upstream(rows, combinations=number) as api:
        config = configuration({"default": address(api, rows)}, folder / "ledger.db", **UNHURRIED | TOLD)
        with Exporter(folder, config) as exporter:
            caught_up(exporter, rows)
            yield exporter


@contextmanager
def serving(bench: Bench, lines: int) -> Iterator[dict[str, Server]]:
    """Serve about so many sample lines; a peer that cannot be started is noted as a problem and left out."""
    with ExitStack() as stack:
        exporter = stack.enter_context(counted(bench, lines))
        exposition = bench.folder(f"serving-{lines}") / "exposition.txt"
        exposition.write_text(exporter.metrics(), encoding="utf-8")
        servers = {OURS: Server(exporter.port, exporter.pid)}
        for peer in peers.servers(exposition):
            try:
                running = stack.enter_context(Running(Subject(peer.name, peer.argv)))
            except SubjectError as error:
                bench.results.problems[f"scrape/{lines}/{peer.name}"] = str(error)
                continue
            servers[peer.name] = Server(running.ready["port"], running.ready["pid"])
            bench.results.facts[f"version of {peer.name}"] = str(running.ready["version"])
        yield servers
