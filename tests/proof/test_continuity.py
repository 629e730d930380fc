"""Continuity as two real Prometheus servers see it: the run is watched once, then looked at from several sides.

The last tests are about births alone, and need no Prometheus.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests import realservers
from tests.e2e.process import Exporter, configuration, write
from tests.e2e.prometheus import Prometheus, Series, increased, risen
from tests.e2e.standin import compare, counted, expected, standin
from tests.e2e.waiting import until
from tests.proof import continuity
from tests.proof.conftest import Proven
from tests.proof.continuity import (
    COUNTERS,
    WINDOW,
    Run,
    judged,
    last_scrape,
    observed,
)
from tests.proof.stored import births_not_at_0, completions, decreases, disagreements, miscounted

COUNTED = "vlmrun_completions_total"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Let two Prometheus servers watch an exporter through all troubles once."""
    binary = realservers.require("prometheus")
    with observed(binary, tmp_path_factory.mktemp("continuity"), rounds=1, seed=3, rate=1.0) as watched:
        yield watched


@pytest.fixture(params=range(len(continuity.INTERVALS)), ids=continuity.INTERVALS)
def server(request: pytest.FixtureRequest, run: Run) -> Prometheus:
    """One of the two Prometheus servers, by how often it scrapes."""
    place: int = request.param
    return run.servers[place]


def test_nothing_is_lost_doubled_or_set_back_in_what_is_stored(run: Run, proven: Proven) -> None:
    figures = judged(run)
    proven(figures)
    assert figures.rows > 100
    assert figures.kills == 3


def test_the_exporter_was_away_and_came_back(server: Prometheus) -> None:
    (up,) = server.raw(f"up[{WINDOW}]")
    states = [value for _, value in up.samples]
    returns = sum(before < after for before, after in pairwise(states))
    assert returns >= 2
    assert states.count(0.0) >= 4


def test_series_were_born_in_mid_run_at_0(run: Run, server: Prometheus) -> None:
    series = completions(server.raw(f"{COUNTERS}[{WINDOW}]"))
    start = min(each.samples[0][0] for each in series)
    later = [each for each in series if each.samples[0][0] > start + 10 and each.rise]
    hostile = [each for each in later if "~" in each.labels["model"] + each.labels["skill"]]
    late = [each for each in later if each.labels["late"] == "true"]
    assert hostile
    assert late
    assert all(each.samples[0][1] == 0 for each in series)


def test_some_series_were_idle_to_the_end(server: Prometheus) -> None:
    end = last_scrape(server)
    idle = [
        each
        for each in completions(server.raw(f"{COUNTERS}[{WINDOW}]"))
        if each.rise and min(at for at, value in each.samples if value == each.samples[-1][1]) < end - 20
    ]
    assert idle
    assert all(each.samples[-1][0] > end - 5 for each in idle)


def test_increase_over_the_run_is_exact_at_the_last_sample(run: Run, server: Prometheus) -> None:
    verdict = compare(run.truth, increased(server, WINDOW, last_scrape(server)))
    assert verdict, verdict.differences
    assert compare(run.truth, risen(server, WINDOW))


def test_increase_elsewhere_is_off_by_no_more_than_prometheus_documents(run: Run, server: Prometheus) -> None:
    truth: dict[str, int] = {}
    for key, total in run.truth.items():
        truth[key.model] = truth.get(key.model, 0) + total.completions
    end = last_scrape(server)
    series = server.raw(f"{COUNTED}[{WINDOW}]")
    # A window that ends after the last sample is extrapolated up to there, over the time that has samples.
    factor = 1 + max(0.9 / (each.samples[-1][0] - each.samples[0][0]) for each in series if each.rise)
    values = server.values(f"sum by (model) (increase({COUNTED}[{WINDOW}]))", at=end + 0.9)
    assert {dict(labels)["model"] for labels, value in values.items() if value} == truth.keys()
    for labels, value in values.items():
        happened = truth.get(dict(labels)["model"], 0)
        assert happened - 1e-6 <= value <= happened * factor + 1e-6


def series(name: str, *values: float, **labels: str) -> Series:
    """Return a series with one sample a second."""
    return Series({"__name__": name, **labels}, [(100.0 + second, value) for second, value in enumerate(values)])


def test_a_fall_is_told_and_nothing_else() -> None:
    assert decreases([series("a_total", 0, 1, 1, 5)]) == []
    assert decreases([series("a_total", 0, 5, 4, 6)]) == ["{'__name__': 'a_total'} fell from 5 to 4 at 102.000"]


def test_a_birth_above_0_is_told_with_how_long_nobody_looked() -> None:
    born = [series("vlmrun_completions_total", 2, 2), series("vlmrun_exporter_polls_total", 7)]
    assert births_not_at_0(born, [90.0, 100.0, 101.0]) == [
        "{'__name__': 'vlmrun_completions_total'} was born as 2, 10.0 s after the last good scrape"
    ]


def test_a_histogram_that_missed_rows_is_told() -> None:
    labels = {"source": "requests", "model": "m", "skill": "s", "status": "success"}
    stored = [series("h_count", 0, 2, late="false", **labels), series("h_count", 0, 1, late="true", **labels)]
    key = tuple(labels.values())
    assert miscounted({"h": {key: 3}}, stored) == []
    assert miscounted({"h": {key: 4}}, stored) == [f"h of {key}: expected 4 rows, observed 3"]


def test_two_prometheis_that_disagree_are_told() -> None:
    one, other = [series("a_total", 0, 1), series("b_total", 0)], [series("a_total", 0, 2)]
    assert disagreements(one, one) == []
    assert disagreements(one, other) == [
        "{'__name__': 'a_total'}: one Prometheus has (0, 1), the other (0, 2)",
        "{'__name__': 'b_total'}: one Prometheus has (0, 0), the other None",
    ]


def rows_counted(exporter: Exporter) -> float:
    """How many rows the exporter says it has counted, shown or not."""
    return exporter.scrape().sum("vlmrun_exporter_rows_total", outcome="counted")


def test_a_restart_while_series_are_held_at_0_loses_nothing(tmp_path: Path) -> None:
    with standin(rate=1.0, history=60.0) as upstream:
        upstream.clock.stop()
        truth = expected(upstream.truth())
        rows = sum(total.completions for total in truth.values())

        def config(hold: str) -> Path:
            return write(tmp_path / "config.yaml", configuration(upstream.url, tmp_path, metrics={"birth_hold": hold}))

        for _ in range(2):  # restarted more often than every birth_hold, new series stay at 0: that is the limit
            with Exporter(config("1h")) as exporter:
                until(lambda exporter=exporter: rows_counted(exporter) == rows, 60, "all is counted")  # type: ignore[misc]
                held = exporter.scrape()
                assert held.sum(COUNTED) == 0
                assert held.by(COUNTED, "model", "skill").keys() == {(key.model, key.skill) for key in truth}
                exporter.kill()
        with Exporter(config("1s")) as exporter:
            until(lambda: compare(truth, counted(exporter.scrape())), 60, "all is shown")


def test_values_once_shown_are_not_held_again(tmp_path: Path) -> None:
    with standin(rate=1.0, history=60.0) as upstream:
        upstream.clock.stop()
        truth = expected(upstream.truth())
        document = configuration(upstream.url, tmp_path, metrics={"birth_hold": "1s"})
        with Exporter(write(tmp_path / "config.yaml", document)) as exporter:
            until(lambda: compare(truth, counted(exporter.scrape())), 60, "all is shown")
            exporter.kill()
        held = {**document, "metrics": {"birth_hold": "1h"}}
        with Exporter(write(tmp_path / "config.yaml", held)) as exporter:
            assert compare(truth, counted(exporter.ready().scrape()))
