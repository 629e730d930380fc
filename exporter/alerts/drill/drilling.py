"""A drill from end to end: a history, the rules, a throw-away Prometheus, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exporter.alerts.drill import replay, server, sweep
from exporter.alerts.drill.firing import Episode
from exporter.alerts.drill.ingest import Ingest
from exporter.alerts.drill.replay import Span
from exporter.alerts.drill.rules import Alert, Rules
from exporter.alerts.drill.samples import Chunk


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule, and when it would have fired."""

    alert: Alert
    episodes: Sequence[Episode]


@dataclass(frozen=True, slots=True)
class Swept:
    """What a key's factors would have done to one rule: its episodes by factor, 1 being the history as it was."""

    key: str
    values: tuple[float, ...]
    alert: Alert
    episodes: Mapping[float, Sequence[Episode]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was replayed, and what came of it."""

    span: Span
    series: int
    samples: int
    completions: int
    findings: Sequence[Finding]
    swept: Sequence[Swept] = field(default_factory=tuple)

    @property
    def fired(self) -> Sequence[Finding]:
        """The rules that fired."""
        return [finding for finding in self.findings if finding.episodes]


def drill(
    binary: Path, rules: Rules, history: Iterable[Chunk], say: Callable[[str], None], *, sweeping: bool = True
) -> Outcome:
    """Replay ``history`` through ``rules`` in a Prometheus; ``say`` gets what is being done.

    Raises ServerError and EmptyHistory, and what ``history`` raises.
    """
    ingest = Ingest(sweep.copies() if sweeping else {})
    with server.running(binary) as prometheus:
        say("reading the history")
        prometheus.write(ingest.through(history))
        span = ingest.span
        say(f"recording {len(rules.records)} rules over {ingest.samples:,} samples of {ingest.series:,} series")
        replay.record(prometheus, rules.records, span)
        say(f"looking for what {len(rules.alerts)} rules alert on")
        findings = [Finding(alert, replay.fired(prometheus, alert, span)) for alert in rules.alerts]
        swept: Sequence[Swept] = ()
        if sweeping:
            say("trying other thresholds")
            swept = _sweep(prometheus, rules, span, ingest, findings)
    return Outcome(span, ingest.series, ingest.samples, ingest.completions, findings, swept)


def _sweep(
    prometheus: server.Server, rules: Rules, span: Span, ingest: Ingest, findings: Sequence[Finding]
) -> list[Swept]:
    found: dict[tuple[str, Alert], dict[float, Sequence[Episode]]] = {}
    for variant in sweep.variants(rules):
        if not ingest.values(sweep.KEYS[variant.key]):
            continue  # without the gauge, rules go by their own thresholds
        replay.record(prometheus, variant.records, span)
        for alert, original in zip(variant.alerts, variant.affected, strict=True):
            by_factor = found.setdefault((variant.key, original), {})
            by_factor[variant.factor] = replay.fired(prometheus, alert, span)
    ordinary = {finding.alert: finding.episodes for finding in findings}
    return [
        Swept(key, ingest.values(sweep.KEYS[key]), alert, dict(sorted({**by_factor, 1.0: ordinary[alert]}.items())))
        for (key, alert), by_factor in found.items()
    ]
