"""From the start of the process to the first 200 of /-/ready: with an empty ledger, and with a large one."""

from __future__ import annotations

from benchmarks.exporter import Exporter, configuration
from benchmarks.prefill import prefill
from benchmarks.setting import Bench
from benchmarks.upstream import UNHURRIED, address, upstream

STARTS = 5
"""Starts with each ledger at most."""


def run(bench: Bench) -> None:
    """Start the daemon again and again, with either ledger in turn; note seconds."""
    largest = bench.scale.ledgers[-1]
    ledger = prefill(bench.scratch, bench.scale.ledgers)[largest]
    seconds: dict[int, list[float]] = {0: [], largest: []}
    with upstream(0) as api:
        for _ in range(min(bench.rounds, STARTS)):
            for size in bench.random.sample(sorted(seconds), len(seconds)):
                folder = bench.folder("ready")
                # So late that no id is forgotten.
                config = configuration(
                    {"default": address(api, 0)},
                    ledger if size else folder / "ledger.db",
                    **{**UNHURRIED, "max_lateness": "30d"},
                )
                with Exporter(folder, config) as exporter:
                    seconds[size].append(exporter.started_in)
    for size, values in seconds.items():
        bench.results.note(f"ready/{size}", values)
