"""What a drill came to, as text for a person or as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from exporter.alerts.drill.drilling import Finding, Outcome, Swept
from exporter.alerts.drill.firing import Episode
from exporter.alerts.drill.replay import Span
from exporter.alerts.drill.rules import Alert
from exporter.config.units import format_duration

_DAY: Final = 86_400_000
_WEEK: Final = 7 * _DAY
_APART: Final = 300_000
"""Alerts of one name and account that begin within so many ms of another are one notification (``group_interval``)."""

_WIDTH: Final = 120
_LISTED: Final = 20
"""Episodes of a rule that the text lists; the JSON has all."""


def notifications(episodes: Sequence[Episode]) -> int:
    """How many notifications Alertmanager would have sent, grouping by alert name and account."""
    count = 0
    covered: dict[str, float] = {}
    for episode in sorted(episodes, key=lambda each: each.start):
        account = dict(episode.labels).get("account", "")
        if episode.start > covered.get(account, float("-inf")) + _APART:
            count += 1
        end = float("inf") if episode.end is None else episode.end
        covered[account] = max(end, covered.get(account, end))
    return count


def a_week(episodes: Sequence[Episode], span: Span) -> float:
    """Notifications a week, if every week were like this history."""
    length = span.end - span.start
    return notifications(episodes) * _WEEK / length if length else 0.0


def text(outcome: Outcome) -> str:
    """The report for a person."""
    return "\n".join(_text(outcome))


def _text(outcome: Outcome) -> Iterator[str]:
    span = outcome.span
    yield (
        f"Replayed {_duration(span.end - span.start)}, from {_time(span.start)} to {_time(span.end)} UTC:"
        f" {outcome.completions:,} completions, {outcome.samples:,} samples of {outcome.series:,} series."
    )
    if span.end - span.start < _DAY:
        yield "Less than a day: rules that look back for hours, or compare with the day before, have hardly been tried."
    yield ""
    if outcome.fired:
        yield from _table(
            ("would have fired", "severity", "times", "in all", "longest", "first", "last", "notifications", "a week"),
            [_row(finding, span) for finding in outcome.fired],
        )
        for finding in outcome.fired:
            yield ""
            yield from _episodes(finding, span)
        yield ""
    silent = list(dict.fromkeys(_name(finding.alert) for finding in outcome.findings if not finding.episodes))
    if silent:
        yield textwrap.fill(f"Would not have fired: {', '.join(silent)}.", _WIDTH, break_on_hyphens=False)
    if outcome.swept:
        yield ""
        yield from _swept(outcome.swept, span)
    if span.end - span.start < _WEEK:
        yield ""
        yield f"A week stands for 7 days that are all like these {_duration(span.end - span.start)}."


def _row(finding: Finding, span: Span) -> tuple[str, ...]:
    lasted = [episode.lasted(span.end) for episode in finding.episodes]
    return (
        _name(finding.alert),
        finding.alert.severity,
        str(len(lasted)),
        _duration(sum(lasted)),
        _duration(max(lasted)),
        _time(finding.episodes[0].start),
        _time(finding.episodes[-1].start),
        str(notifications(finding.episodes)),
        f"{a_week(finding.episodes, span):.1f}",
    )


def _episodes(finding: Finding, span: Span) -> Iterator[str]:
    yield f"{_name(finding.alert)} ({finding.alert.severity})"
    for episode in finding.episodes[:_LISTED]:
        labels = ", ".join(f'{name}="{value}"' for name, value in episode.labels)
        until = "still fires at the end" if episode.end is None else f"until {_time(episode.end)}"
        yield (
            f"  {_time(episode.start)} {until}, {_duration(episode.lasted(span.end))}: {labels or 'no labels'};"
            f" {episode.first:.4g} at first, {episode.low:.4g} to {episode.high:.4g}"
        )
    if len(finding.episodes) > _LISTED:
        yield f"  and {len(finding.episodes) - _LISTED} more"


def _swept(swept: Sequence[Swept], span: Span) -> Iterator[str]:
    factors = list(swept[0].episodes)
    head = ("notifications a week with", *("as it is" if factor == 1 else f"x {factor:g}" for factor in factors))
    rows: list[tuple[str, ...]] = []
    for index, each in enumerate(swept):
        if index == 0 or swept[index - 1].key != each.key:
            values = sorted({each.values[0], each.values[-1]})
            named = " to ".join(f"{value:,.10g}" for value in values)
            rows.append((f"{each.key}: {named}", *("" for _ in factors)))
        counts = (f"{a_week(each.episodes[factor], span):.1f}" for factor in factors)
        rows.append((f"  {_name(each.alert)} ({each.alert.severity})", *counts))
    yield from _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(line[index]) for line in (head, *rows)) for index in range(len(head))]
    for line in (head, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def as_json(outcome: Outcome) -> str:
    """The report for a program: times are RFC 3339, durations are seconds."""
    span = outcome.span
    document = {
        "from": _iso(span.start),
        "to": _iso(span.end),
        "completions": outcome.completions,
        "samples": outcome.samples,
        "series": outcome.series,
        "rules": [
            {
                "alert": finding.alert.name,
                "labels": dict(finding.alert.labels),
                "notifications_per_week": round(a_week(finding.episodes, span), 3),
                "episodes": [_episode(episode, span) for episode in finding.episodes],
            }
            for finding in outcome.findings
        ],
        "thresholds": [
            {
                "key": each.key,
                "values": each.values,
                "alert": each.alert.name,
                "severity": each.alert.severity,
                "notifications_per_week": {
                    f"{factor:g}": round(a_week(episodes, span), 3) for factor, episodes in each.episodes.items()
                },
            }
            for each in outcome.swept
        ],
    }
    return json.dumps(document, indent=2)


def _episode(episode: Episode, span: Span) -> dict[str, Any]:
    return {
        "labels": dict(episode.labels),
        "from": _iso(episode.start),
        "to": None if episode.end is None else _iso(episode.end),
        "seconds": episode.lasted(span.end) / 1000,
        "value": {"first": episode.first, "low": episode.low, "high": episode.high},
    }


def _name(alert: Alert) -> str:
    """The alert's name, with the labels that tell rules of one name apart."""
    more = [f'{name}="{value}"' for name, value in alert.labels if name not in ("severity", "family")]
    return alert.name + (f"{{{', '.join(more)}}}" if more else "")


def _time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _duration(milliseconds: int) -> str:
    return format_duration(milliseconds // 1000)
