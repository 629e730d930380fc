"""Counting into ledgers that already hold very many rows, interleaved with counting into one that began empty."""

from __future__ import annotations

from benchmarks import bodies, rows
from benchmarks.prefill import prefill
from benchmarks.results import Unit
from benchmarks.rounds import interleave
from benchmarks.setting import Bench, worker
from benchmarks.subjects import Subject
from benchmarks.suites import ingest


def run(bench: Bench) -> None:
    """Measure the same pages of one long catch-up at every size of the ledger; rounds go on in the same file."""
    scale = bench.scale
    ledgers = prefill(bench.scratch, scale.ledgers)
    for size, ledger in ledgers.items():
        bench.results.note(f"ledger bytes a row/{size}", [ledger.stat().st_size / size], Unit.BYTE)
    # One page more than is read: at the end of the list, old ids would be forgotten.
    items = rows.items((scale.pages * (bench.rounds + 1) + 1) * 1000)
    told = ("--rows", len(items), "--pages", scale.pages, "--scratch", bench.scratch)
    subjects = [
        Subject(str(size), worker("ingest", *told, "--ledger", ledger))
        for size, ledger in {0: bench.scratch / "ledger-0.db", **ledgers}.items()
    ]
    truth = bodies.truth(items)
    for name, played in interleave(subjects, bench.rounds, bench.random).items():
        ingest.note(bench, f"ledger/{name}", played, truth)
