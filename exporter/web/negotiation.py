"""Reads ``Accept-Encoding`` (RFC 9110, section 12.5.3)."""

from __future__ import annotations

import re
from typing import Final

_QVALUE: Final = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def accepts_gzip(accept_encoding: str) -> bool:
    """Tell whether gzip is acceptable and at least as welcome as no compression; an absent header means no."""
    weights = dict(_weighted(entry) for entry in accept_encoding.split(","))
    anything = weights.get("*", 0.0)
    gzip = weights.get("gzip", weights.get("x-gzip", anything))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _weighted(entry: str) -> tuple[str, float]:
    """Split ``gzip;q=0.5`` into its coding and weight; one whose weight can't be read is not acceptable."""
    coding, *parameters = (part.strip().lower() for part in entry.split(";"))
    weight = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            value = value.strip()
            weight = float(value) if _QVALUE.fullmatch(value) else 0.0
    return coding, weight
