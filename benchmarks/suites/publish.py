"""Publishing: what changed is rendered and compressed, against ``generate_latest`` of the same series."""

from __future__ import annotations

from benchmarks.rounds import interleave
from benchmarks.setting import Bench, worker
from benchmarks.subjects import Subject

CHANGED = (1, 10, 100)
"""Percent of the series."""

BASELINE = "generate_latest"


def run(bench: Bench) -> None:
    """Measure every number of lines, with every share of the series changed; note seconds a publish."""
    for lines in bench.scale.lines:
        exposition = bench.scratch / f"published-{lines}.txt"
        ours = worker("publish", "--lines", lines, "--scratch", bench.scratch, "--exposition", exposition)
        subjects = [Subject(f"{changed}% changed", ours, {"changed": changed}) for changed in CHANGED]
        # The last to be started: it reads what the others have written.
        subjects.append(Subject(BASELINE, worker(BASELINE, exposition)))
        for name, played in interleave(subjects, bench.rounds, bench.random).items():
            if played.problem:
                bench.results.problems[f"publish/{lines}/{name}"] = played.problem
                continue
            bench.results.note(f"publish/{lines}/{name}", played.per_unit())
            if "lines" in played.ready:
                bench.results.facts[f"lines, where {lines:,} are meant"] = f"{played.ready['lines']:,}"
