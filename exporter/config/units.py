"""Durations and credits as they are written in YAML. Pure functions, no I/O."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from exporter.models import MICRO

_MILLISECONDS: Final = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_DURATION: Final = re.compile("".join(rf"(?:([0-9]{{1,15}}){unit})?" for unit in _MILLISECONDS))


def parse_duration(text: str) -> float:
    """Return the seconds of a Prometheus-style duration such as ``1h30m``; ``0`` needs no unit.

    Raises ValueError if it is none; the message doesn't repeat the text.
    """
    if text == "0":
        return 0.0
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError("is not a duration")
    numbers = zip(match.groups(), _MILLISECONDS.values(), strict=True)
    return sum(int(number) * unit for number, unit in numbers if number is not None) / 1000


def format_duration(seconds: float) -> str:
    """Write seconds the way ``parse_duration`` reads them, to the millisecond: 5400.0 is ``1h30m``."""
    rest = round(seconds * 1000)
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _MILLISECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_credits(number: float) -> int:
    """Return the micro-credits of a finite number of credits.

    Raises ValueError if it has more than 6 decimals: to round a budget silently is to watch another one.
    """
    micro = Decimal(repr(number)) * MICRO
    if micro != int(micro):
        raise ValueError("has more than 6 decimals")
    return int(micro)


def format_credits(micro: int) -> int | float:
    """Return micro-credits as the number of credits to write."""
    return micro / MICRO if micro % MICRO else micro // MICRO
