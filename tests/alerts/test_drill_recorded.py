"""A history from a real Prometheus: its own samples, the same as a dump of it has, and ends where scrapes failed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.alerts.drill import openmetrics, recorded, server, simulated
from exporter.alerts.drill.recorded import RecordedError
from exporter.alerts.drill.rules import load, shipped_rules
from exporter.alerts.drill.samples import Chunk, series
from exporter.alerts.drill.server import Server
from tests import realservers
from tests.alerts.drilling import START, TERMS, Samples, collected, dump, plan

NEEDED = load(shipped_rules()).metrics()
UNTIL = (START + 10_800) * 1000
TARGET = [("instance", "i"), ("job", "vlmrun-exporter")]


@pytest.fixture
def prometheus() -> Iterator[Server]:
    """A Prometheus that stands for a team's own."""
    with server.running(realservers.require("prometheus")) as running:
        yield running


def fetch(prometheus: Server, *needed: str, since: int = START * 1000, until: int = UNTIL) -> Samples:
    return collected(recorded.history(prometheus.url, needed, since, until))


def test_what_is_fetched_is_what_was_stored_and_what_a_dump_has(prometheus: Server, tmp_path: Path) -> None:
    samples = collected(simulated.history(plan(hours=2.5), TERMS, NEEDED))
    prometheus.write(simulated.history(plan(hours=2.5), TERMS, NEEDED))
    fetched = fetch(prometheus, *NEEDED)
    assert fetched == samples
    (tmp_path / "dump.txt").write_text(dump(fetched), encoding="utf-8")
    assert collected(openmetrics.history(tmp_path / "dump.txt", NEEDED)) == samples


def test_only_the_time_asked_for_is_fetched_each_sample_once(prometheus: Server) -> None:
    labels = series("vlmrun_completions_total", TARGET)
    times = [(START + 600 * number) * 1000 for number in range(20)]
    prometheus.write([Chunk(labels, times, [float(number) for number in range(20)])])
    fetched = fetch(prometheus, "vlmrun_completions_total", since=times[2], until=times[15])
    assert [time for time, _ in fetched[labels]] == times[3:16]


def test_up_of_other_jobs_is_left_out(prometheus: Server) -> None:
    times = [(START + 60) * 1000]
    prometheus.write([Chunk(series("up", [("job", job)]), times, [1.0]) for job in ("vlmrun-exporter", "node")])
    assert list(fetch(prometheus, "up")) == [series("up", [("job", "vlmrun-exporter")])]


def test_series_end_where_a_scrape_failed(prometheus: Server) -> None:
    times = [(START + 60 * number) * 1000 for number in range(1, 120)]
    failed = range(50, 70)
    kept = [time for number, time in enumerate(times) if number not in failed]
    gone = times[:50]
    prometheus.write(
        [
            Chunk(series("up", TARGET), times, [float(number not in failed) for number in range(119)]),
            Chunk(series("vlmrun_back", TARGET), kept, [1.0] * len(kept)),
            Chunk(series("vlmrun_gone", TARGET), gone, [1.0] * len(gone)),
            Chunk(series("vlmrun_other", [("instance", "other"), TARGET[1]]), gone, [1.0] * len(gone)),
        ]
    )
    fetched = fetch(prometheus, "vlmrun_back", "vlmrun_gone", "vlmrun_other")
    end = float("inf")
    assert fetched[series("vlmrun_back", TARGET)] == sorted([*((time, 1.0) for time in kept), (times[50], end)])
    assert fetched[series("vlmrun_gone", TARGET)] == [*((time, 1.0) for time in gone), (times[50], end)]
    assert fetched[series("vlmrun_other", [("instance", "other"), TARGET[1]])] == [(time, 1.0) for time in gone]


def test_a_prometheus_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(RecordedError) as caught:
        list(recorded.history("http://me:secret@127.0.0.1:1/prom", ["a"], 0, 1))
    assert str(caught.value).startswith("http://127.0.0.1:1/prom does not answer: ")
    assert "secret" not in str(caught.value)


def test_what_prometheus_refuses_is_told(prometheus: Server) -> None:
    with pytest.raises(RecordedError, match=r"answered 400: .*parse error"):
        fetch(prometheus, "vlmrun_a b")
    with pytest.raises(RecordedError, match=r"answered 404: "):
        list(recorded.history(prometheus.url + "/nowhere", ["a"], 0, 1))
