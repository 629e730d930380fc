"""The few worst completions of the last half hour, so that a notification can name them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.models import SECOND, Offender

WINDOW = 30 * 60 * SECOND
"""How long a completion can be among the worst, from when it finished (µs)."""

KEEP = 3
"""How many are shown per reason and account."""

REASONS = ("slow_low_token", "error", "credits")


def merge(known: Iterable[Offender], new: Iterable[Offender], now: int) -> tuple[Offender, ...]:
    """Keep every completion that is, or may still become, one of the worst: worst first.

    One that at least :data:`KEEP` others of its reason and account outdo, none of which leaves the window before it
    does, never can.
    """
    kept: list[Offender] = []
    times: dict[tuple[str, str], list[int]] = {}
    for offender in sorted({*known, *new}, reverse=True):
        if offender.time <= now - WINDOW:
            continue
        worse = times.setdefault((offender.reason, offender.account), [])
        if sum(time >= offender.time for time in worse) < KEEP:
            kept.append(offender)
            worse.append(offender.time)
    return tuple(kept)


def top(offenders: Iterable[Offender], now: int) -> tuple[Offender, ...]:
    """The worst at ``now``: at most :data:`KEEP` per reason and account."""
    shown: list[Offender] = []
    count: dict[tuple[str, str], int] = {}
    for offender in sorted(offenders, reverse=True):
        place = (offender.reason, offender.account)
        if offender.time > now - WINDOW and count.get(place, 0) < KEEP:
            count[place] = count.get(place, 0) + 1
            shown.append(offender)
    return tuple(shown)
