"""What the shipped rules say of a history, after the fact: what they record, and ``ALERTS``, in the same Prometheus.

By the machinery of ``vlmrun-exporter alerts drill``, whose equality with Prometheus's own evaluation has its own tests.
"""

from __future__ import annotations

from collections.abc import Iterator

from exporter.alerts.drill import replay, rules
from exporter.alerts.drill.firing import Episode
from exporter.alerts.drill.replay import Span
from exporter.alerts.drill.rules import Alert
from exporter.alerts.drill.samples import STALE, Chunk, series
from exporter.alerts.drill.server import Server
from tests.e2e.prometheus import Prometheus


def evaluate(prometheus: Prometheus, since: float, until: float) -> list[tuple[Alert, Episode]]:
    """Evaluate the rules from ``since`` to ``until`` (s since the epoch), and store what they come to.

    Returns what fired, of every rule.
    """
    server = Server(prometheus.http)
    shipped = rules.load(rules.shipped_rules())
    span = Span(round(since * 1000), round(until * 1000))
    replay.record(server, shipped.records, span)
    found = [(alert, episode) for alert in shipped.alerts for episode in replay.fired(server, alert, span)]
    server.write(chunk for alert, episode in found for chunk in _stored(alert, episode, span))
    return found


def _stored(alert: Alert, episode: Episode, span: Span) -> Iterator[Chunk]:
    """Yield the series by which Prometheus shows that an alert is pending, then fires, and how each ends."""
    pending = range(episode.start - alert.hold, episode.start, alert.interval)
    end = span.end + 1 if episode.end is None else episode.end
    firing = range(episode.start, end, alert.interval)
    for state, times in (("pending", pending), ("firing", firing)):
        if not times:
            continue
        labels = {**dict(episode.labels), **dict(alert.labels), "alertname": alert.name, "alertstate": state}
        named = series("ALERTS", labels.items())
        yield Chunk(named, times, [1.0] * len(times))
        if times[-1] + alert.interval <= span.end:
            yield Chunk(named, [times[-1] + alert.interval], [STALE])
