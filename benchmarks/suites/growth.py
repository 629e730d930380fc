"""How the cost of a row grows with the rows of a page, with series, and with accounts; the ledger has its own suite."""

from __future__ import annotations

from benchmarks import bodies, processes, rows
from benchmarks.exporter import Exporter, configuration
from benchmarks.rounds import interleave
from benchmarks.setting import Bench, worker
from benchmarks.subjects import Subject
from benchmarks.suites import ingest
from benchmarks.upstream import UNHURRIED, address, caught_up, upstream

STARTS = 3
"""Daemons that are started for each number of accounts, at most."""


def run(bench: Bench) -> None:
    """Measure seconds a row: of the pipeline by page size and by series, of the whole daemon (CPU) by accounts."""
    scale = bench.scale
    items = rows.items(scale.rows)
    told = ("--rows", len(items), "--scratch", bench.scratch)
    sizes = {size: worker("ingest", *told, "--page-size", size) for size in scale.page_sizes}
    series = {number: worker("ingest", *told, "--series", number) for number in scale.combinations}
    for axis, commands in (("page size", sizes), ("series", series)):
        subjects = [Subject(str(value), command) for value, command in commands.items()]
        for value, played in interleave(subjects, bench.rounds, bench.random).items():
            ingest.note(bench, f"growth/{axis}/{value}", played, bodies.truth(items))
    _accounts(bench)


def _accounts(bench: Bench) -> None:
    """The same rows in all, over so many accounts, each with a backlog of its own; less what a start costs."""
    scale = bench.scale
    used: dict[int, list[float]] = {number: [] for number in scale.accounts}
    with upstream(scale.account_rows) as api:
        for _ in range(min(bench.rounds, STARTS)):
            for number in bench.random.sample(sorted(used), len(used)):
                each = scale.account_rows // number
                spent = _spent(bench, address(api, each), number, each) - _spent(bench, address(api, 0), number, 0)
                used[number].append(spent / (each * number))
    for number, values in used.items():
        bench.results.note(f"growth/accounts/{number}", values)


def _spent(bench: Bench, base_url: str, number: int, rows_each: int) -> float:
    """CPU seconds of a daemon until it has counted so many rows of each of so many accounts."""
    folder = bench.folder("accounts")
    accounts = {f"account-{index:03}": base_url for index in range(number)}
    with Exporter(folder, configuration(accounts, folder / "ledger.db", **UNHURRIED)) as exporter:
        caught_up(exporter, rows_each * number)
        return processes.cpu(exporter.pid)
