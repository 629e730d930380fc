"""The whole daemon over HTTP: how fast it catches up, what that costs, and what memory it takes."""

from __future__ import annotations

import time

from benchmarks import bodies, processes, rows, servers
from benchmarks.exporter import Exporter, configuration
from benchmarks.results import Unit
from benchmarks.setting import Bench
from benchmarks.subjects import Running, SubjectError
from benchmarks.upstream import UNHURRIED, address, caught_up, upstream

COUNTED = {
    "completions": "vlmrun_completions_total",
    "input_tokens": "vlmrun_completion_input_tokens_total",
    "output_tokens": "vlmrun_completion_output_tokens_total",
}

CATCH_UPS = 3
"""How often it catches up, at most."""


def run(bench: Bench) -> None:
    """Measure a daemon with empty lists, one that catches up, and one with many series."""
    with upstream(bench.scale.backlog) as api:
        idle = _idle_memory(bench, api)
        _catch_up(bench, api, idle)
    _memory_of_series(bench, idle)


def _idle_memory(bench: Bench, api: Running) -> int:
    """Bytes of a daemon whose lists are empty."""
    folder = bench.folder("idle")
    config = configuration({"default": address(api, 0)}, folder / "ledger.db", **UNHURRIED)
    with Exporter(folder, config) as exporter:
        time.sleep(bench.scale.settling)
        idle = processes.rss(exporter.pid)
    bench.results.note("daemon/memory when idle", [idle], Unit.BYTE)
    return idle


def _catch_up(bench: Bench, api: Running, idle: int) -> None:
    """One backlog, from an empty ledger to the last row, again and again."""
    number = bench.scale.backlog
    expected = bodies.truth(rows.items(number))[-1]
    for _ in range(min(bench.rounds, CATCH_UPS)):
        folder = bench.folder("catch-up")
        ledger = folder / "ledger.db"
        api.play()
        with Exporter(folder, configuration({"default": address(api, number)}, ledger, **UNHURRIED)) as exporter:
            ended = caught_up(exporter, number)
            cpu, peak = processes.cpu(exporter.pid), processes.peak_rss(exporter.pid)
            asked = api.play()
            found = bodies.Sums(**{name: round(exporter.total(family)) for name, family in COUNTED.items()})
        if found != expected:
            raise SubjectError(f"the exporter counted {found}, not {expected}")
        more = bench.results.more
        more("daemon/rows a second", number / (ended - asked["first"]), Unit.NUMBER)
        more("daemon/CPU seconds a million rows", cpu / number * 1e6)
        more("daemon/memory of the catch-up", peak - idle, Unit.BYTE)
        more("daemon/ledger bytes a row", ledger.stat().st_size / number, Unit.BYTE)
        more("daemon/requests a row", asked["requests"] / number, Unit.NUMBER)
        more("daemon/bytes a row", asked["bytes"] / number, Unit.BYTE)


def _memory_of_series(bench: Bench, idle: int) -> None:
    """Bytes of a daemon that has counted many series, with their exemplars, after a scrape."""
    lines = bench.scale.lines[-1]
    with servers.counted(bench, lines) as exporter:
        exporter.scrape()
        time.sleep(bench.scale.settling)
        bench.results.note(f"daemon/memory of {lines} lines", [processes.rss(exporter.pid) - idle], Unit.BYTE)
        peak = processes.peak_rss(exporter.pid) - idle
    bench.results.note(f"daemon/peak memory of {lines} lines", [peak], Unit.BYTE)
