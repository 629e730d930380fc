"""Where the time of a row goes: the steps from the bytes of a page to the disk."""

from __future__ import annotations

from benchmarks.rounds import interleave
from benchmarks.setting import Bench, worker
from benchmarks.subjects import Subject


def run(bench: Bench) -> None:
    """Note seconds a row of each step."""
    rows = bench.scale.rows
    subject = Subject("stages", worker("stages", "--rows", rows, "--scratch", bench.scratch))
    played = interleave([subject], bench.rounds, bench.random)["stages"]
    if played.problem:
        bench.results.problems["stages"] = played.problem
        return
    for each in played.rounds:
        for step, seconds in each["steps"].items():
            bench.results.more(f"stages/{step}", seconds / each["units"])
