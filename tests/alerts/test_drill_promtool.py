"""A drill against the real thing: what it says must be what ``promtool test rules`` sees fire, at every evaluation."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import yaml

from exporter.alerts.drill import replay, rules, server
from exporter.alerts.drill.firing import Episode
from exporter.alerts.drill.samples import STALE, Chunk, series
from tests import realservers

INTERVAL = 30
EVALUATIONS = 160
SERIES = 12

GROUPS = {
    "groups": [
        {
            "name": "some",
            "interval": f"{INTERVAL}s",
            "rules": [
                {"record": "kind:load:doubled", "expr": "2 * load"},
                # Ends and begins again with the value.
                {"record": "kind:load:high", "expr": "kind:load:doubled > 8"},
                {"record": "kind:load:ratio", "expr": "load / (load - 3)"},
                {"alert": "AtOnce", "expr": "kind:load:high", "labels": {"severity": "x"}},
                {"alert": "ForAWhile", "expr": "load > 3", "for": "1m", "labels": {"severity": "x"}},
                {"alert": "Kept", "expr": "load > 6", "for": "30s", "keep_firing_for": "2m"},
                {"alert": "Absent", "expr": "load unless kind:load:high", "for": "90s", "keep_firing_for": "1m"},
                {"alert": "Averaged", "expr": "avg_over_time(kind:load:high[3m]) > 13"},
                {"alert": "NotANumber", "expr": "kind:load:ratio * 0 != 0"},
            ],
        }
    ]
}


def patterns() -> dict[str, list[float | None]]:
    """Series that come and go: numbers, None where nothing was scraped, STALE where the series ends."""
    random = Random(4)
    found: dict[str, list[float | None]] = {}
    for number in range(SERIES):
        samples: list[float | None] = []
        while len(samples) < EVALUATIONS:
            kind = random.choice(("value", "value", "value", "flapping", "gap", "end"))
            length = random.randint(1, 14)
            if kind == "value":
                samples += [float(random.randint(0, 9))] * length
            elif kind == "flapping":
                samples += [float(random.randint(0, 9)) for _ in range(length)]
            else:
                samples += ([None] if kind == "gap" else [STALE]) + [None] * length
        found[f"k{number}"] = samples[:EVALUATIONS]
    return found


def notation(samples: Sequence[float | None]) -> str:
    return " ".join("_" if value is None else "stale" if value is STALE else f"{value:g}" for value in samples)


def history(found: dict[str, list[float | None]]) -> Iterator[Chunk]:
    for kind, samples in found.items():
        kept = [(place * INTERVAL * 1000, value) for place, value in enumerate(samples) if value is not None]
        if kept:
            yield Chunk(series("load", [("kind", kind)]), [time for time, _ in kept], [value for _, value in kept])


def fires(episode: Episode, time: int) -> bool:
    return episode.start <= time and (episode.end is None or time < episode.end)


def test_a_drill_says_what_promtool_sees_fire(tmp_path: Path) -> None:
    promtool = realservers.require("promtool")
    found = patterns()
    (tmp_path / "some.rules.yml").write_text(yaml.safe_dump(GROUPS), encoding="utf-8")
    parsed = rules.load([tmp_path / "some.rules.yml"])
    span = replay.Span(0, (EVALUATIONS - 1) * INTERVAL * 1000)
    with server.running(realservers.require("prometheus")) as prometheus:
        prometheus.write(history(found))
        replay.record(prometheus, parsed.records, span)
        episodes = {alert: replay.fired(prometheus, alert, span) for alert in parsed.alerts}
    assert all(len(each) > 5 for each in episodes.values()), {alert.name: len(each) for alert, each in episodes.items()}
    expected = [
        {
            "eval_time": f"{time // 1000}s",
            "alertname": alert.name,
            "exp_alerts": [
                {"exp_labels": dict(episode.labels) | dict(alert.labels)} for episode in each if fires(episode, time)
            ],
        }
        for alert, each in episodes.items()
        for time in span.times(alert.interval)
    ]
    test = {
        "rule_files": ["some.rules.yml"],
        "evaluation_interval": f"{INTERVAL}s",
        "tests": [
            {
                "interval": f"{INTERVAL}s",
                "input_series": [
                    {"series": f'load{{kind="{kind}"}}', "values": notation(samples)} for kind, samples in found.items()
                ],
                "alert_rule_test": expected,
            }
        ],
    }
    (tmp_path / "some.test.yml").write_text(yaml.safe_dump(test), encoding="utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", "some.test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[:5000]
