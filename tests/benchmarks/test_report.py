"""The report: every goal is read off figures that the suites note, and a missed one says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.goals import Goal, goals
from benchmarks.results import Results
from tests.benchmarks.conftest import TINY


@pytest.mark.parametrize(
    ("value", "seen"), [(0.5, "0.50 (aim reached)"), (0.9, "0.90 (met)"), (1.1, "1.10 (**missed**)")]
)
def test_a_figure_is_compared_with_what_it_must_not_exceed(value: float, seen: str):
    assert Goal("cost", lambda results: value, must=1.0, aim=0.6).seen(Results()) == seen


@pytest.mark.parametrize(
    ("value", "seen"), [(7.0, "7.00 (aim reached)"), (4.0, "4.00 (met)"), (3.0, "3.00 (**missed**)")]
)
def test_or_with_what_it_must_reach(value: float, seen: str):
    assert Goal("speed", lambda results: value, must=4.0, aim=6.0, more=True).seen(Results()) == seen


def test_what_was_not_measured_says_so():
    text = report.tables(Results(), TINY)
    assert text.count("not measured") == len(goals(TINY))


def test_median_and_spread_of_the_rounds():
    results = Results()
    results.note("ingest/small/exporter", [5e-6, 1e-6, 3e-6, 4e-6, 2e-6])
    results.note("ingest/small/other", [9e-6, 9e-6, 9e-6])
    results.note("cpu/ingest/small/exporter", [2e-6])
    results.note("cpu/ingest/small/other", [2e-6])
    text = report.tables(results, TINY)
    assert "| exporter | 3.00 | 1.50 | 2.00 | 1.00 |" in text
    assert "| other | 9.00 | 0.00 | 2.00 | 3.00 |" in text


def test_only_what_is_between_the_marks_is_replaced(tmp_path: Path):
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write(document, Results(), TINY)
    text = document.read_text()
    assert text.startswith(f"before\n{report.BEGIN}\n\n## The goals")
    assert text.endswith(f"{report.END}\nafter\n")
    assert "old" not in text


def test_a_document_without_marks_is_left_alone(tmp_path: Path):
    document = tmp_path / "performance.md"
    document.write_text("by hand\n")
    with pytest.raises(ValueError, match="want <!--"):
        report.write(document, Results(), TINY)
    assert document.read_text() == "by hand\n"
