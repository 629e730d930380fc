"""Evaluates rules over a history that a Prometheus holds: first what is recorded, then what alerts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from exporter.alerts.drill.firing import Episode, episodes
from exporter.alerts.drill.rules import Alert, Record
from exporter.alerts.drill.samples import STALE, Chunk, Labels
from exporter.alerts.drill.server import Server


@dataclass(frozen=True, slots=True)
class Span:
    """From the first sample to the last (ms)."""

    start: int
    end: int

    def times(self, interval: int) -> range:
        """The times of evaluations every ``interval``, which all groups share as far as they can."""
        return range(-(-self.start // interval) * interval, self.end + 1, interval)


def record(server: Server, records: Iterable[Record], span: Span) -> None:
    """Evaluate recording rules one after the other, each over the whole span. Raises ServerError."""
    for rule in records:
        times = span.times(rule.interval)
        if times:
            server.write(_recorded(server, rule, times))


def _recorded(server: Server, rule: Record, times: range) -> Iterator[Chunk]:
    """Yield the samples of a rule; where a series is absent, a mark that it has ended, as Prometheus sets it."""
    last: dict[Labels, int] = {}
    for chunks in server.evaluate(rule.expr, times[0], times[-1], times.step):
        for chunk in chunks:
            labels = _named(chunk.labels, rule)
            yield _with_ends(labels, chunk, last.get(labels), times.step)
            last[labels] = chunk.times[-1]
    for labels, time in last.items():
        if time < times[-1]:
            yield Chunk(labels, [time + times.step], [STALE])


def _named(labels: Labels, rule: Record) -> Labels:
    return tuple(sorted((dict(labels) | dict(rule.labels) | {"__name__": rule.name}).items()))


def _with_ends(labels: Labels, chunk: Chunk, before: int | None, step: int) -> Chunk:
    first = chunk.times[0]
    whole = chunk.times[-1] - first == (len(chunk.times) - 1) * step
    if whole and (before is None or before + step == first):
        return Chunk(labels, chunk.times, chunk.values)
    times: list[int] = []
    values: list[float] = []
    for time, value in zip(chunk.times, chunk.values, strict=True):
        if before is not None and before + step < time:
            times.append(before + step)
            values.append(STALE)
        times.append(time)
        values.append(value)
        before = time
    return Chunk(labels, times, values)


def fired(server: Server, alert: Alert, span: Span) -> list[Episode]:
    """Return when ``alert`` would have fired, by start. Raises ServerError."""
    times = span.times(alert.interval)
    if not times:
        return []
    values: dict[Labels, dict[int, float]] = {}
    for chunks in server.evaluate(alert.expr, times[0], times[-1], times.step):
        for chunk in chunks:
            found = values.setdefault(_alert_labels(chunk.labels, alert), {})
            found.update(zip(chunk.times, chunk.values, strict=True))
    return _by_start(values, times, alert)


def _by_start(values: Mapping[Labels, Mapping[int, float]], times: Sequence[int], alert: Alert) -> list[Episode]:
    found = [
        episode
        for labels, samples in values.items()
        for episode in episodes(labels, times, samples, alert.hold, alert.keep)
    ]
    return sorted(found, key=lambda episode: (episode.start, episode.labels))


def _alert_labels(labels: Labels, alert: Alert) -> Labels:
    """What sets the alerts of a rule apart: labels of the result, but for those that the rule gives all of them."""
    given = {"__name__", *(name for name, _ in alert.labels)}
    return tuple((name, value) for name, value in labels if name not in given)
