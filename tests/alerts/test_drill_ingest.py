"""What is taken down of a history on its way in: how long it is, how many completions, and copies of gauges."""

from __future__ import annotations

import pytest

from exporter.alerts.drill.ingest import EmptyHistory, Ingest
from exporter.alerts.drill.replay import Span
from exporter.alerts.drill.samples import STALE, Chunk, series
from tests.alerts.drilling import collected

COMPLETIONS = "vlmrun_completions_total"


def completions(values: list[float], *, start: int = 0, **labels: str) -> Chunk:
    return Chunk(series(COMPLETIONS, labels.items()), range(start, start + len(values) * 60, 60), values)


def through(*chunks: Chunk) -> Ingest:
    ingest = Ingest({})
    assert list(ingest.through(chunks)) == list(chunks)
    return ingest


def test_completions_are_what_the_counters_rose_by() -> None:
    ingest = through(completions([5, 5, 8], source="a"), completions([0, 4], source="b"))
    assert ingest.completions == 7


def test_a_counter_that_began_anew_has_risen_by_its_value() -> None:
    assert through(completions([5, 8, STALE, 2, 3])).completions == 6


def test_chunks_of_one_series_add_up() -> None:
    assert through(completions([1, 2]), completions([4, 7], start=120)).completions == 6


def test_two_exporters_of_one_account_count_the_same_completions() -> None:
    ingest = through(
        completions([0, 7], instance="one", job="j", source="a"),
        completions([0, 9], instance="two", job="j", source="a"),
    )
    assert ingest.completions == 9
    assert ingest.series == 2


def test_the_span_is_from_the_first_sample_to_the_last_of_all_series() -> None:
    ingest = through(completions([0, 1], start=600), completions([0, 1, 2], start=60, source="a"))
    assert ingest.span == Span(60, 660)
    assert ingest.samples == 5


def test_without_a_completion_counter_there_is_no_history() -> None:
    with pytest.raises(EmptyHistory, match=f"no sample of {COMPLETIONS}"):
        _ = through(Chunk(series("up", []), [1], [1.0])).span
    with pytest.raises(EmptyHistory):
        _ = through().span


def test_gauges_are_copied_times_their_factors_and_end_where_they_end() -> None:
    ingest = Ingest({"g": {"x2:g": 2.0, "x0_5:g": 0.5}})
    chunk = Chunk(series("g", [("account", "a")]), [1, 2], [0.25, STALE])
    assert collected(ingest.through([chunk])) == {
        series("g", [("account", "a")]): [(1, 0.25), (2, float("inf"))],
        series("x2:g", [("account", "a")]): [(1, 0.5), (2, float("inf"))],
        series("x0_5:g", [("account", "a")]): [(1, 0.125), (2, float("inf"))],
    }
    assert ingest.values("g") == (0.25,)
    assert ingest.values("other") == ()
