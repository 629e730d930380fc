"""results.json holds everything, and pyperf reads it. Left out where the benchmarks' own requirements are absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.results import Results, Unit

pyperf = pytest.importorskip("pyperf")


def test_what_was_written_is_read_again_and_pyperf_reads_it_too(tmp_path: Path):
    from benchmarks import pyperfile  # after it is known that it can be imported

    results = Results(facts={"CPU": "one"}, problems={"wrk": "absent"})
    results.note("time", [0.5, 0.25])
    results.note("memory", [1e6], Unit.BYTE)
    results.note("cores", [0.0], Unit.NUMBER)
    file = tmp_path / "results.json"
    pyperfile.dump(results, file)
    assert pyperfile.load(file) == results
    suite = pyperf.BenchmarkSuite.load(str(file))
    assert suite.get_benchmark("time").get_values() == (0.5, 0.25)
