"""What tests of the drill share: plans of simulated traffic, histories as values, and as the text of a dump."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.alerts.drill.samples import STALE, Chunk, Labels
from exporter.alerts.drill.terms import Terms
from exporter.alerts.drill.traffic import Plan
from exporter.models import SECOND, SlowLowToken, SlowLowTokenRules

START = 1_756_684_800
"""2025-09-01 00:00 UTC, in seconds: a Monday that is the first of a month."""

TERMS = Terms(
    error_ratio=0.01,
    rules=SlowLowTokenRules(SlowLowToken(128, 10 * SECOND, 0.2)),
    interval=60 * SECOND,
    late_after=600 * SECOND,
    birth_hold=60 * SECOND,
    max_models=50,
    max_skills=200,
)
"""The thresholds of the configuration's defaults."""

Samples = dict[Labels, list[tuple[int, float]]]


def plan(
    scenario: str = "steady",
    *,
    hours: float,
    incident: float = 0.0,
    rate: float = 0.05,
    scrape: int = 60,
    seed: int = 1,
) -> Plan:
    """``hours`` of traffic, the scenario in the last ``incident`` hours; ``scrape`` is in seconds."""
    return Plan(
        scenario=scenario,
        start=START * SECOND,
        duration=round(hours * 3600) * SECOND,
        incident=round(incident * 3600) * SECOND,
        scrape=scrape * SECOND,
        rate=rate,
        seed=seed,
    )


def collected(chunks: Iterable[Chunk]) -> Samples:
    """All samples by series; an end of a series is infinity, which no counter is."""
    found: Samples = {}
    for chunk in chunks:
        samples = found.setdefault(chunk.labels, [])
        samples += [
            (time, float("inf") if value is STALE else value)
            for time, value in zip(chunk.times, chunk.values, strict=True)
        ]
    return found


def dump(samples: Samples) -> str:
    """OpenMetrics text as ``promtool tsdb dump-openmetrics`` writes it: series by series, without ends."""
    lines = []
    for (_, name), *labels in samples:
        key = (("__name__", name), *labels)
        shown = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels)
        lines += [
            f"{name}{{{shown}}} {value!r} {time / 1000:.3f}" for time, value in samples[key] if value != float("inf")
        ]
    return "\n".join([*lines, "# EOF", ""])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
