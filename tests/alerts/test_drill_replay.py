"""What is recorded over a history is there exactly when the expression yields something, however long the history."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from exporter.alerts.drill import replay, server
from exporter.alerts.drill.replay import Span
from exporter.alerts.drill.rules import Alert, Record
from exporter.alerts.drill.samples import STALE, Chunk, messages, series
from tests import realservers

STEP = 30_000
EVALUATIONS = 4_100
"""More than two answers of the server hold."""

GAPS = {
    "none": (),
    "before an answer ends": range(1_990, 2_000),
    "after an answer begins": range(2_000, 2_010),
    "across answers": range(1_998, 2_003),
    "one": (2_000,),
    "first and last": (0, 4_099),
    "a whole answer": range(1_900, 4_050),
    "to the end": range(3_000, 4_100),
}


def present(gap: Iterable[int]) -> list[int]:
    """The times at which there is a value."""
    missing = set(gap)
    return [place * STEP for place in range(EVALUATIONS) if place not in missing]


def test_a_record_is_absent_when_and_only_when_its_expression_is() -> None:
    span = Span(0, (EVALUATIONS - 1) * STEP)
    source = [
        Chunk(
            series("a", [("gap", gap)]), list(span.times(STEP)), [float(place not in missing) for place in range(4100)]
        )
        for gap, missing in GAPS.items()
    ]
    with server.running(realservers.require("prometheus")) as prometheus:
        prometheus.write(source)
        rules = [Record("b", "a > 0", STEP, (("who", "me"),)), Record("c", "b * 2", STEP)]
        replay.record(prometheus, rules, span)
        for name in ("b", "c"):
            found: dict[str, list[int]] = {}
            for chunks in prometheus.evaluate(name, span.start, span.end, STEP):
                for chunk in chunks:
                    assert dict(chunk.labels)["who"] == "me"
                    found.setdefault(dict(chunk.labels)["gap"], []).extend(chunk.times)
            assert found == {gap: present(missing) for gap, missing in GAPS.items()}
        episodes = replay.fired(prometheus, Alert("A", "c == 2", STEP), span)
    starts = {gap: [each.start for each in episodes if dict(each.labels)["gap"] == gap] for gap in GAPS}
    assert starts["none"] == [0] and starts["first and last"] == [STEP]
    assert starts["one"] == [0, 2_001 * STEP] and starts["to the end"] == [0]


@pytest.mark.parametrize(
    ("span", "interval", "times"),
    [
        (Span(0, 100), 30, [0, 30, 60, 90]),
        (Span(1, 90), 30, [30, 60, 90]),
        (Span(31, 59), 30, []),
        (Span(60, 60), 30, [60]),
    ],
)
def test_evaluations_are_at_full_multiples_of_the_interval(span: Span, interval: int, times: list[int]) -> None:
    assert list(span.times(interval)) == times


def test_a_time_that_prometheus_could_not_have_is_refused() -> None:
    for time in (-1, 2**42):
        with pytest.raises(ValueError, match="is not between 1970 and 2109"):
            list(messages([Chunk(series("a", []), [time], [STALE])]))
