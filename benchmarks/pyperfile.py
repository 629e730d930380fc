"""results.json: a suite that ``pyperf stats`` and ``pyperf compare_to`` read, with our facts and problems beside it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyperf

from benchmarks.results import Results, Unit

TINY = 1e-12
"""What stands for a 0: pyperf takes no value that is not above it."""


def dump(results: Results, path: Path) -> None:
    """Write ``results`` to ``path``."""
    suite = pyperf.BenchmarkSuite(
        [
            pyperf.Benchmark(
                [
                    pyperf.Run(
                        [max(value, TINY) for value in figure.values],
                        metadata={"name": name, "unit": figure.unit.value},
                        collect_metadata=False,
                    )
                ]
            )
            for name, figure in results.figures.items()
        ]
    )
    text = io.StringIO()
    suite.dump(text)
    document = {**json.loads(text.getvalue()), "facts": results.facts, "problems": results.problems}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> Results:
    """Read what :func:`dump` wrote. Raises OSError."""
    text = path.read_text(encoding="utf-8")
    document = json.loads(text)
    results = Results(facts=document["facts"], problems=document["problems"])
    for benchmark in pyperf.BenchmarkSuite.loads(text):
        values = (0.0 if value == TINY else value for value in benchmark.get_values())
        results.note(benchmark.get_name(), values, Unit(benchmark.get_unit()))
    return results
