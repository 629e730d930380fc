"""How a drill is told: to a person, to a program, and how notifications are counted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from exporter.alerts.drill import report
from exporter.alerts.drill.drilling import Finding, Outcome, Swept
from exporter.alerts.drill.firing import Episode
from exporter.alerts.drill.replay import Span
from exporter.alerts.drill.rules import Alert

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_756_684_800_000
SPAN = Span(START, START + 7 * 24 * HOUR)

SPIKE = Alert("Spike", "a > 1", 30_000, labels=(("family", "errors"), ("severity", "warning")))
OPEN = Alert("Gap", "b > 1", 30_000, labels=(("gap", "open"), ("severity", "critical")))
LOST = Alert("Gap", "c > 1", 30_000, labels=(("gap", "lost"), ("severity", "critical")))


def episode(start: float, end: float | None, account: str = "a", **labels: str) -> Episode:
    """From and until so many minutes after the start."""
    until = None if end is None else START + round(end * MINUTE)
    found = tuple(sorted({"account": account, **labels}.items()))
    return Episode(found, START + round(start * MINUTE), until, first=0.5, low=0.25, high=0.875)


OUTCOME = Outcome(
    SPAN,
    series=12,
    samples=3456,
    completions=28_185,
    findings=(
        Finding(SPIKE, (episode(10, 70.5, source="x"), episode(2000, None))),
        Finding(OPEN, ()),
        Finding(LOST, ()),
    ),
    swept=(
        Swept("slo.error_ratio", (0.01, 0.05), SPIKE, {0.5: (episode(1, 2), episode(30, 40)), 1.0: (), 2.0: ()}),
        Swept("slo.error_ratio", (0.01, 0.05), OPEN, {0.5: (), 1.0: (), 2.0: ()}),
    ),
)


@pytest.mark.parametrize(
    ("found", "count"),
    [
        ([], 0),
        ([episode(0, 10)], 1),
        # One group: it fires already, or has only just ended.
        ([episode(0, 60), episode(30, 90), episode(80, 100)], 1),
        ([episode(0, 60), episode(10, 20), episode(64, 100)], 1),
        ([episode(0, None), episode(500, None, source="x")], 1),
        ([episode(0, 60), episode(66, 100)], 2),
        ([episode(66, 100), episode(0, 60)], 2),
        ([episode(0, 60), episode(30, 60, account="b")], 2),
    ],
)
def test_notifications_are_counted_by_alert_and_account(found: list[Episode], count: int) -> None:
    assert report.notifications(found) == count


def test_a_week_is_projected_from_the_length_of_the_history() -> None:
    assert report.a_week([episode(0, 1)], Span(START, START + 24 * HOUR)) == 7.0
    assert report.a_week([episode(0, 1)], Span(START, START)) == 0.0


def test_a_person_reads_what_fired_when_and_on_what() -> None:
    head = "would have fired  severity  times  in all       longest   first                last                 "
    row = "Spike             warning   2      5d15h40m30s  5d14h40m  2025-09-01 00:10:00  2025-09-02 09:20:00  "
    assert report.text(OUTCOME).split("\n") == [
        "Replayed 7d, from 2025-09-01 00:00:00 to 2025-09-08 00:00:00 UTC: 28,185 completions, 3,456 samples of"
        " 12 series.",
        "",
        head + "notifications  a week",
        row + "2              2.0",
        "",
        "Spike (warning)",
        '  2025-09-01 00:10:00 until 2025-09-01 01:10:30, 1h30s: account="a", source="x"; 0.5 at first, 0.25 to 0.875',
        '  2025-09-02 09:20:00 still fires at the end, 5d14h40m: account="a"; 0.5 at first, 0.25 to 0.875',
        "",
        'Would not have fired: Gap{gap="open"}, Gap{gap="lost"}.',
        "",
        "notifications a week with      x 0.5  as it is  x 2",
        "slo.error_ratio: 0.01 to 0.05",
        "  Spike (warning)              2.0    0.0       0.0",
        '  Gap{gap="open"} (critical)   0.0    0.0       0.0',
    ]


def test_a_person_reads_only_the_first_episodes_of_many_and_what_a_week_stands_for() -> None:
    many = tuple(episode(minute * 10, minute * 10 + 1) for minute in range(23))
    text = report.text(Outcome(Span(START, START + 4 * HOUR), 1, 1, 1, findings=(Finding(SPIKE, many),)))
    assert text.count(" until ") == 20
    assert "\n  and 3 more\n" in text
    assert text.endswith("\n\nA week stands for 7 days that are all like these 4h.")
    assert "Would not" not in text


def test_a_program_reads_every_rule_and_threshold() -> None:
    document = json.loads(report.as_json(OUTCOME))
    assert document["from"] == "2025-09-01T00:00:00Z" and document["to"] == "2025-09-08T00:00:00Z"
    assert document["completions"] == 28_185
    assert [(rule["labels"].get("gap"), rule["notifications_per_week"]) for rule in document["rules"]] == [
        (None, 2.0),
        ("open", 0.0),
        ("lost", 0.0),
    ]
    assert document["rules"][0]["episodes"] == [
        {
            "labels": {"account": "a", "source": "x"},
            "from": "2025-09-01T00:10:00Z",
            "to": "2025-09-01T01:10:30Z",
            "seconds": 3630.0,
            "value": {"first": 0.5, "low": 0.25, "high": 0.875},
        },
        {
            "labels": {"account": "a"},
            "from": "2025-09-02T09:20:00Z",
            "to": None,
            "seconds": 484_800.0,
            "value": {"first": 0.5, "low": 0.25, "high": 0.875},
        },
    ]
    assert document["thresholds"][0] == {
        "key": "slo.error_ratio",
        "values": [0.01, 0.05],
        "alert": "Spike",
        "severity": "warning",
        "notifications_per_week": {"0.5": 2.0, "1": 0.0, "2": 0.0},
    }


def test_a_short_history_is_told_to_be_short() -> None:
    warning = "Less than a day: rules that look back for hours, or compare with the day before, have hardly been tried."
    short, day = (replace(OUTCOME, span=Span(START, START + length)) for length in (HOUR, 24 * HOUR))
    assert report.text(short).splitlines()[1] == warning
    assert warning not in report.text(day)
