"""Scrapes: as wrk sees them, and as a real Prometheus reports them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from itertools import product

from benchmarks import processes, prometheus, wrk
from benchmarks.prometheus import Target
from benchmarks.results import Unit
from benchmarks.servers import Server, serving
from benchmarks.setting import Bench
from benchmarks.subjects import SubjectError
from benchmarks.wrk import Load

ROUNDS = 3
"""Rounds of wrk at most: each has many requests, but for the slowest peers."""


def run(bench: Bench) -> None:
    """Measure every number of lines; one server answers at a time, in an order drawn anew for every round."""
    for lines in bench.scale.scraped:
        with serving(bench, lines) as servers:
            _by_wrk(bench, lines, servers)
            figures = bench.results.figures
            targets = {
                name: Target(server.port, figures[p50].median)
                for name, server in servers.items()
                if (p50 := f"scrape/{lines}/gzip/{name}/p50") in figures
            }
            try:
                seen = prometheus.durations(bench.scratch / f"prometheus-{lines}", targets, bench.scale.watching)
            except SubjectError as error:
                bench.results.problems[f"reported/{lines}"] = str(error)
                continue
            for name, durations in seen.items():
                bench.results.note(f"reported/{lines}/{name}", durations)


def _by_wrk(bench: Bench, lines: int, servers: Mapping[str, Server]) -> None:
    loads: dict[str, list[Load]] = defaultdict(list)
    used: dict[str, list[float]] = defaultdict(list)
    for _ in range(min(bench.rounds, ROUNDS)):
        turns = list(product(servers.items(), (False, True)))
        bench.random.shuffle(turns)
        for (name, server), gzip in turns:
            prefix = f"scrape/{lines}/{'gzip' if gzip else 'plain'}/{name}"
            before, began = processes.cpu(server.pid), time.monotonic()
            try:
                seen = wrk.load(server.port, bench.scale.scraping, gzip=gzip)
            except SubjectError as error:
                bench.results.problems[prefix] = str(error)
                continue
            loads[prefix].append(seen)
            # By time, not by requests: of a slow server, the one that wrk has not waited for is a large part.
            used[prefix].append((processes.cpu(server.pid) - before) / (time.monotonic() - began) * seen.mean)
    for prefix, found in loads.items():
        bench.results.note(f"{prefix}/p50", (each.p50 for each in found))
        bench.results.note(f"{prefix}/p99", (each.p99 for each in found))
        bench.results.note(f"{prefix}/rate", (each.rate for each in found), Unit.NUMBER)
        bench.results.note(f"{prefix}/size", (each.size for each in found), Unit.BYTE)
        bench.results.note(f"{prefix}/cpu", used[prefix])
