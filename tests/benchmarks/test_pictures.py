"""Pictures of growth. Left out where the benchmarks' own requirements are absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.results import Results

pytest.importorskip("matplotlib")


def test_the_same_results_draw_the_same_bytes_and_others_do_not(tmp_path: Path):
    from benchmarks import pictures  # after it is known that it can be imported

    drawn = []
    for folder, cost in (("first", 2e-6), ("second", 2e-6), ("third", 5e-6)):
        results = Results()
        for rows in (0, 1000):
            results.note(f"ledger/{rows}", [1e-6, cost, 3e-6])
        (tmp_path / folder).mkdir()
        pictures.draw(tmp_path / folder, results)
        assert [file.name for file in (tmp_path / folder).iterdir()] == ["performance-ledger.svg"]
        drawn.append((tmp_path / folder / "performance-ledger.svg").read_bytes())
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
