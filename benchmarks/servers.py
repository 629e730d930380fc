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
from benchmarks.upstream import address, upstream

OURS = "exporter"


@dataclass(frozen=True, slots=True)
class Server:
    """Where ``/metrics`` is served, and by which process."""

    port: int
    pid: int


@contextmanager
def serving(bench: Bench, lines: int) -> Iterator[dict[str, Server]]:
    """Serve about so many sample lines; a peer that cannot be started is noted as a problem and left out."""
    folder = bench.folder(f"serving-{lines}")
    ledger = folder / "ledger.db"
    population.populated(ledger, lines).close()
    with ExitStack() as stack:
        api = stack.enter_context(upstream(0))
        # The lists are empty, and asked once: what is served does not change, as between any two polls.
        config = configuration({"default": address(api, 0)}, ledger, interval="1h")
        exporter = stack.enter_context(Exporter(folder, config))
        exposition = folder / "exposition.txt"
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
