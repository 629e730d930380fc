"""A short run of the kill harness, and a check that the harness would notice."""

from __future__ import annotations

from pathlib import Path

from exporter.simulator.truth import Key
from tests.e2e.soak import Plan, soak
from tests.e2e.standin import Sums, compare
from tests.e2e.watch import Decrease, Watch, counters

A = Key("completions", "a-model", "a-skill", "success")
B = A._replace(status="error")


def test_nothing_is_lost_or_doubled_and_nothing_goes_back_through_kill_9(tmp_path: Path) -> None:
    report = soak(Plan(kills=12, seed=7, rate=1.0, longest_life=3.0, settle=False, catch_up=120.0), tmp_path)
    assert report.good, report.table()
    assert report.verdict.rows > 400
    assert report.scrapes > 10


def test_a_row_lost_and_a_row_doubled_are_told_apart() -> None:
    verdict = compare({A: Sums(3, 30, 300, 7), B: Sums(1)}, {A: Sums(4, 30, 300, 7)})
    assert (verdict.rows, verdict.lost, verdict.doubled) == (4, 1, 1)
    assert not verdict
    assert verdict.differences[0].startswith("completions/a-model/a-skill/error: expected Sums(completions=1, ")


def test_a_value_that_differs_is_a_difference() -> None:
    verdict = compare({A: Sums(3, 30, 300, 7)}, {A: Sums(3, 30, 300, 8)})
    assert (verdict.lost, verdict.doubled, len(verdict.differences)) == (0, 0, 1)
    assert compare({A: Sums(3)}, {A: Sums(3)})


def test_the_scraper_notices_what_goes_back_and_what_is_gone() -> None:
    text = (
        "# HELP vlmrun_a_total Something.\n# TYPE vlmrun_a_total counter\n"
        'vlmrun_a_total{x="y z"} 5.0\nvlmrun_a_total{x="\\n# TYPE"} 1.0\n'
        "# TYPE vlmrun_b gauge\nvlmrun_b 9.0\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 3.0\n"
        '# TYPE vlmrun_c histogram\nvlmrun_c_bucket{le="+Inf"} 2.0\n'
    )
    first = counters(text)
    assert first == {'vlmrun_a_total{x="y z"}': 5, 'vlmrun_a_total{x="\\n# TYPE"}': 1, 'vlmrun_c_bucket{le="+Inf"}': 2}
    watch = Watch("http://127.0.0.1:9/metrics")
    watch.check(first)
    watch.check({'vlmrun_a_total{x="y z"}': 4, 'vlmrun_a_total{x="\\n# TYPE"}': 1})
    assert watch.decreases == [Decrease('vlmrun_a_total{x="y z"}', 5, 4)]
    assert watch.gone == {'vlmrun_c_bucket{le="+Inf"}'}
