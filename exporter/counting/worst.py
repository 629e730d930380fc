"""The few worst completions of the last half hour, so that a notification can name them. Pure."""

from __future__ import annotations

from bisect import insort
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
    latest: dict[tuple[str, str], list[int]] = {}
    for offender in sorted({*known, *new}, reverse=True):
        if offender.time > now - WINDOW and _stays(
            latest.setdefault((offender.reason, offender.account), []), offender.time
        ):
            kept.append(offender)
    return tuple(kept)


def contenders(rows: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Leave out of these (value, time, row) most of what :func:`merge` would not keep, before it costs anything."""
    latest: list[int] = []
    return [each for each in sorted(rows, reverse=True) if _stays(latest, each[1])]


def _stays(latest: list[int], time: int) -> bool:
    """Whether fewer than :data:`KEEP` worse ones stay in the window as long; takes note of the time if so.

    ``latest`` are the times of those worse ones that stay longest, ascending.
    """
    if len(latest) == KEEP:
        if latest[0] >= time:
            return False
        del latest[0]
    insort(latest, time)
    return True


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
