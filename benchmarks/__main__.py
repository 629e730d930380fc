"""The benchmarks: ``python -m benchmarks``, or ``make bench``.

Runs every suite and writes what it finds: benchmarks/results.json, docs/performance.md, docs/images/performance-*.svg.
Some suites alone, or all with --quick, only print it. A subject that cannot be started, or counts wrong, is named.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import machine, pictures, pyperfile, report
from benchmarks.results import Results
from benchmarks.setting import FULL, QUICK, Bench
from benchmarks.subjects import ROOT
from benchmarks.suites import SUITES

RESULTS = ROOT / "benchmarks" / "results.json"
REPORT = ROOT / "docs" / "performance.md"
PICTURES = ROOT / "docs" / "images"

ROUNDS = 11


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suites; return 1 if anything could not be measured, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"all, unless some are named: {', '.join(SUITES)}")
    parser.add_argument("--rounds", type=int, help=f"rounds that count; {ROUNDS}, or 3 with --quick")
    parser.add_argument("--quick", action="store_true", help="everything small: does it work?")
    parser.add_argument("--scratch", type=Path, help="a folder for ledgers: on the disk that is meant, not in memory")
    parser.add_argument("--report", action="store_true", help="measure nothing, write the report of the last run anew")
    given = parser.parse_args(arguments)
    if unknown := set(given.suites) - SUITES.keys():
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    if given.report:
        write(pyperfile.load(RESULTS))
        return 0
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=given.scratch) as scratch:
        rounds = given.rounds or (3 if given.quick else ROUNDS)
        bench = Bench(QUICK if given.quick else FULL, rounds, Path(scratch))
        bench.results.facts.update(machine.describe(bench.scratch))
        run(bench, {name: SUITES[name] for name in given.suites or SUITES})
    if given.quick or given.suites:
        print(report.tables(bench.results, bench.scale))
    else:
        pyperfile.dump(bench.results, RESULTS)
        write(bench.results)
    for name, problem in bench.results.problems.items():
        print(f"not measured: {name}: {problem}", file=sys.stderr)
    return 1 if bench.results.problems else 0


def run(bench: Bench, suites: Mapping[str, Callable[[Bench], None]]) -> None:
    """Run ``suites`` one after the other; one that breaks off is a problem of the results."""
    for name, suite in suites.items():
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        began = time.monotonic()
        try:
            suite(bench)
        except Exception as error:
            bench.results.problems[name] = f"broke off: {error!r}"
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def write(results: Results) -> None:
    """Write the report and its pictures."""
    report.write(REPORT, results, FULL)
    pictures.draw(PICTURES, results)


if __name__ == "__main__":
    sys.exit(main())
