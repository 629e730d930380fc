"""The ways in which the stand-in misbehaves, each switched by itself with a probability.

The numbers in brackets are those of the list "ways such a poller lies" in the design of the exporter's counting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    """A misbehaviour. The first group strikes an item at its birth, the second a page, the third a response."""

    TIED = "tied"  # created at the same time as its neighbours (4, 5)
    LATE = "late"  # listed long after its creation (6)
    DELETED = "deleted"  # disappears after it has settled (2, 8)
    LONG_PENDING = "long_pending"  # stays unsettled for minutes, with a pause (14)
    PENDING_DELETED = "pending_deleted"  # disappears before it has settled (16)
    AMENDED = "amended"  # its credits change after it has settled (15)
    MISSING_VALUES = "missing_values"  # model, skill, tokens, time or credits are null (17)
    BAD_ROW = "bad_row"  # a row beside it that cannot be counted (17, 18)
    TIMESTAMP_STYLES = "timestamp_styles"  # naive, Z, and offset date-times (19)
    HOSTILE_LABELS = "hostile_labels"  # quotes, newlines, 10,000 characters in names (34)

    SHUFFLED_TIES = "shuffled_ties"  # rows of one time come in another order each time (4)
    ROWS_OMITTED = "rows_omitted"  # some rows are left out of this one page (13)
    ORDER_IGNORED = "order_ignored"  # oldest first instead of newest first, or the reverse (7)
    DISORDERED = "disordered"  # two rows of the page are exchanged (7)
    LIMIT_CLAMPED = "limit_clamped"  # fewer rows than asked for (10)
    HAS_MORE_LIES = "has_more_lies"  # the opposite of the truth (10)
    CURSOR_IGNORED = "cursor_ignored"  # `after` has no effect (9)
    ANCHOR_GONE = "anchor_gone"  # 404 for the row that `after` names (8)
    ANCHOR_EMPTY = "anchor_empty"  # an empty page for it (8)
    SKIP_CAPPED = "skip_capped"  # 400 for a `skip` beyond a limit (12)

    FROZEN = "frozen"  # an old page is shown again (35)
    TRUNCATED_JSON = "truncated_json"  # 200, half a body (29)
    HTML = "html"  # 200, a sign-in page (29)
    ERROR_OBJECT = "error_object"  # 200, an error (29)
    GZIP_BOMB = "gzip_bomb"  # a small body that unpacks to a huge one
    SLOW = "slow"  # the answer comes late
    DRIP = "drip"  # the body comes in small pieces
    HANG = "hang"  # no answer
    RESET = "reset"  # the connection is reset before an answer
    CUT = "cut"  # the connection ends within the body
    SERVER_ERROR = "server_error"  # 500, 502 or 503
    RATE_LIMITED = "rate_limited"  # 429, with Retry-After in seconds, as a date, or without
    REDIRECT = "redirect"  # 301 to another host


@dataclass(frozen=True, slots=True)
class Limits:
    """How far the faults go, in seconds, rows or bytes. The defaults keep every row within 15 minutes' lateness."""

    late_seconds: float = 600.0
    """Most time between creation and listing of a late row, and before the deletion of a pending one."""
    exposure_seconds: float = 120.0
    """Least time that a settled row is listed before it is deleted or amended."""
    tie_seconds: float = 10.0
    """Tied rows carry the start of such an interval as their creation time."""
    pending_seconds: float = 180.0
    """Most extra time that a long pending row takes."""
    omitted_seconds: float = 60.0
    """Rows may be omitted from pages for so long after they appear; infinite: always."""
    frozen_seconds: float = 30.0
    """Greatest age of a page that is shown again."""
    slow_seconds: float = 3.0
    hang_seconds: float = 60.0
    retry_after_seconds: int = 2
    clamp_rows: int = 20
    skip_cap: int = 1_000
    bomb_bytes: int = 64 << 20


class Faults:
    """The probability of every fault, 0 unless set."""

    def __init__(self, probabilities: Mapping[Fault, float] | None = None) -> None:
        self._probabilities: dict[Fault, float] = {}
        self.replace(probabilities or {})

    def set(self, fault: Fault, probability: float) -> None:
        """Switch one fault; 0 is off. Raises ValueError for a probability that isn't one."""
        if not 0 <= probability <= 1:
            raise ValueError(f"fault {fault}: probability {probability} is not between 0 and 1")
        self._probabilities[fault] = probability

    def replace(self, probabilities: Mapping[Fault, float]) -> None:
        """Switch off every fault, then set these. Raises ValueError as :meth:`set`."""
        self._probabilities.clear()
        for fault, probability in probabilities.items():
            self.set(fault, probability)

    def hit(self, fault: Fault, random: Random) -> bool:
        """Draw whether ``fault`` strikes now. Draws nothing while it is off, so that other draws stay the same."""
        probability = self._probabilities.get(fault, 0.0)
        return probability > 0 and random.random() < probability

    def active(self) -> dict[Fault, float]:
        """Return the faults that are on, with their probabilities."""
        return {fault: probability for fault, probability in self._probabilities.items() if probability > 0}
