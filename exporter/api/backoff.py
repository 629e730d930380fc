"""How long to wait before asking again: the server's Retry-After, else exponential backoff with full jitter."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import Random
from typing import Final

from exporter.models import SECOND

BASE: Final = 1.0
"""Seconds: the longest wait before the first retry; it doubles with every further one."""

CAP: Final = 30.0
"""Seconds: the longest backoff."""

MAX_RETRY_AFTER: Final = 300.0
"""Seconds: a server that asks for more is not waited for within one call."""

_DELAY_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def full_jitter(retry: int, random: Random) -> float:
    """Return the seconds before retry number ``retry`` (from 0), evenly spread so that clients do not march in step."""
    return random.uniform(0.0, min(CAP, BASE * 2.0 ** min(retry, 30)))


def parse_http_date(value: str | None) -> int | None:
    """Return an HTTP date (RFC 9110, 5.6.7) as microseconds since the epoch, None if it is missing or unreadable."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp()) * SECOND
    except (ValueError, TypeError, OverflowError):
        return None


def parse_retry_after(value: str | None, *, now: int) -> float | None:
    """Return the seconds that a Retry-After header asks for, None if it is missing or unreadable.

    ``now`` is the moment of the answer in microseconds, by the server's clock if it told, since a date is in its terms.
    """
    if value is None:
        return None
    if _DELAY_SECONDS.fullmatch(value.strip()):
        return float(value)
    until = parse_http_date(value)
    return None if until is None else max(0.0, (until - now) / SECOND)
