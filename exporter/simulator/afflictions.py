"""The faults that strike an item at its birth. All of its life is decided here, so a world stays deterministic."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

from msgspec import structs

from exporter.models import MICRO, SECOND
from exporter.simulator.faults import Fault, Faults, Limits
from exporter.simulator.items import Item, Source, TimestampStyle

HOSTILE_LABELS = (
    "double \"quotes\" and 'single'",
    "a\nnewline, a\ttab and a \\ backslash",
    "{{ template }} $label ${value} %s",
    "caffè 发票 🧾 \u202eright-to-left\u0000nul",
    "   ",
    "a" * 10_000,
)
"""Names that break a text format, a template or a screen, if any name can."""


def afflict(item: Item, faults: Faults, limits: Limits, random: Random) -> None:
    """Change the life of a newborn ``item``: when it is listed, deleted or amended, and what its row shows."""
    for fault, strike in _STRIKES.items():
        if faults.hit(fault, random):
            strike(item, limits, random)


def _tie(item: Item, limits: Limits, random: Random) -> None:
    interval = round(limits.tie_seconds * SECOND)
    item.created = item.created // interval * interval


def _drag(item: Item, limits: Limits, random: Random) -> None:
    if item.source is not Source.COMPLETIONS:
        item.finished += round(random.uniform(0.2, 1.0) * limits.pending_seconds * SECOND)
        item.paused = True


def _delay(item: Item, limits: Limits, random: Random) -> None:
    item.visible = max(item.visible, item.created + round(random.random() * limits.late_seconds * SECOND))


def _delete_pending(item: Item, limits: Limits, random: Random) -> None:
    if item.source is not Source.COMPLETIONS and item.visible < item.finished:
        item.deleted = random.randint(item.visible + 1, item.finished)


def _delete(item: Item, limits: Limits, random: Random) -> None:
    if item.deleted is None:
        item.deleted = _after_exposure(item, limits, random)


def _amend(item: Item, limits: Limits, random: Random) -> None:
    if item.credits is not None:
        item.amended = _after_exposure(item, limits, random)
        item.amended_credits = item.credits + random.randint(1, 20) * MICRO


def _after_exposure(item: Item, limits: Limits, random: Random) -> int:
    return item.settled_at + round((1 + random.random()) * limits.exposure_seconds * SECOND)


def _lose_values(item: Item, limits: Limits, random: Random) -> None:
    for field in ("model", "skill", "input_tokens", "output_tokens", "credits", "time_to_first_token"):
        # The platform's SDK refuses an execution without a name, so there is none.
        if random.random() < 0.5 and not (field == "skill" and item.source is Source.EXECUTIONS):
            setattr(item, field, None)


def _restyle(item: Item, limits: Limits, random: Random) -> None:
    item.style = random.choice(list(TimestampStyle))


def _mislabel(item: Item, limits: Limits, random: Random) -> None:
    if item.model is not None and random.random() < 0.5:
        item.model = random.choice(HOSTILE_LABELS)
    else:
        item.skill = random.choice(HOSTILE_LABELS)


# In the order in which they build on one another: what is deleted or amended must know when it settles.
_STRIKES: dict[Fault, Callable[[Item, Limits, Random], None]] = {
    Fault.TIED: _tie,
    Fault.LONG_PENDING: _drag,
    Fault.LATE: _delay,
    Fault.PENDING_DELETED: _delete_pending,
    Fault.DELETED: _delete,
    Fault.MISSING_VALUES: _lose_values,
    Fault.AMENDED: _amend,
    Fault.TIMESTAMP_STYLES: _restyle,
    Fault.HOSTILE_LABELS: _mislabel,
}


def bad_row(neighbour: Item, render: Callable[[Item], dict[str, Any]], sequence: int, random: Random) -> Item:
    """Return an item beside ``neighbour`` whose row can't be counted; ``render`` makes the good row that is spoilt."""
    item = structs.replace(
        neighbour,
        id=f"bad-{random.getrandbits(64):016x}",
        sequence=sequence,
        visible=neighbour.settled_at,
        deleted=None,
        amended=None,
        is_garbage=True,
    )
    item.garbage = random.choice(_SPOILERS)(render(item), random)
    return item


def _not_an_object(row: dict[str, Any], random: Random) -> Any:
    return random.choice((None, 7, "row", [], [row], True))


def _no_id(row: dict[str, Any], random: Random) -> Any:
    if random.random() < 0.5:
        del row["id"]
    else:
        row["id"] = random.choice((None, "", {}))
    return row


def _bad_time(row: dict[str, Any], random: Random) -> Any:
    field = "created" if "created" in row else "created_at"
    row[field] = random.choice((None, True, -1, math.nan, math.inf, 10**30, "yesterday", [], "2024-13-45T99:00:00Z"))
    return row


def _bad_number(row: dict[str, Any], random: Random) -> Any:
    row["usage"]["credits_used"] = random.choice((True, -1, math.nan, -math.inf, 10**400, "many", [1], {}))
    return row


def _unknown_status(row: dict[str, Any], random: Random) -> Any:
    row["status"] = random.choice(("teleported", "SUCCESS?", 200, {}))
    return row


_SPOILERS = (_not_an_object, _no_id, _bad_time, _bad_number, _unknown_status)
