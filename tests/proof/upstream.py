"""The platform as the poller meets it, without a network: pages as JSON, a request budget, refusals and lies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

from exporter.api.budget import BudgetJournal, RequestBudget
from exporter.api.client import Response
from exporter.models import MICRO, SECOND, Completion, FailureReason, Page, PollError
from tests.clocks import FakeClock
from tests.listing import Listing

FAILURES = (
    FailureReason.TIMEOUT,
    FailureReason.CONNECTION,
    FailureReason.SERVER_ERROR,
    FailureReason.RATE_LIMITED,
    FailureReason.BAD_BODY,
)
"""Ways in which a request fails whatever it asks for."""


class Upstream:
    """Stands where the API client does: waits for the budget, notes the request durably, then answers.

    ``meanwhile`` is called before every answer, so that the list changes between two pages of one sweep; ``edge`` is
    called at the moments of a request at which a process may die.
    """

    def __init__(
        self,
        listing: Listing,
        *,
        clock: FakeClock,
        random: Random,
        budget: RequestBudget,
        journal: BudgetJournal,
        meanwhile: Callable[[], None],
        edge: Callable[[str], None],
    ) -> None:
        self._listing = listing
        self._clock = clock
        self._random = random
        self._budget = budget
        self._journal = journal
        self._meanwhile = meanwhile
        self._edge = edge
        self._wrong_in_a_row = 0
        self.failing = 0.0
        """How often a request fails."""
        self.wrong_dates = 0.0
        """How often an answer's ``Date`` is an hour ahead, or behind.

        No more than six in a row, nor ahead while our own clock is fast. Eight in a row cannot be told from right ones:
        of so many answers, ``ServerClock`` believes the earliest.
        """

    async def get(self, path: str, params: Mapping[str, str | int], *, reserve: int = 0) -> Response:
        """Answer, after a wait for a place in the budget. Raises PollError."""
        while wait := self._budget.wait(self._clock.now(), reserve):
            await self._clock.sleep(wait / SECOND)
        return self._answer(params)

    async def try_get(self, path: str, params: Mapping[str, str | int], *, reserve: int = 0) -> Response | None:
        """Answer if there is a place in the budget, else return None. Raises PollError."""
        return None if self._budget.wait(self._clock.now(), reserve) else self._answer(params)

    def _answer(self, params: Mapping[str, str | int]) -> Response:
        now = self._clock.now()
        self._journal.record_request("a", now)
        self._budget.take(now)
        self._edge("recorded")
        self._meanwhile()
        struck = self._listing.struck
        if self._random.random() < self.failing:
            struck["failed"] += 1
            raise PollError(self._random.choice(FAILURES), "as told")
        page = self._listing.get(dict(params))
        self._edge("fetched")
        # A Date is whole seconds and may be of before the listing was made.
        observed = (self._listing.now - self._random.randrange(SECOND)) // SECOND * SECOND
        ahead = self._random.choice((3600, -3600)) * SECOND
        told = ahead < 0 or now <= self._listing.now
        wrong = self._random.random() < self.wrong_dates and told and self._wrong_in_a_row < 6
        self._wrong_in_a_row = self._wrong_in_a_row + 1 if wrong else 0
        if wrong:
            struck["wrong date"] += 1
            observed += ahead
        return Response(body(page), observed, observed + SECOND // 2 - now)


def body(page: Page) -> bytes:
    """Write a page as the API does."""
    rows: list[object] = [wire(row) for row in page.rows]
    return json.dumps({"object": "list", "data": rows, "has_more": page.has_more}).encode()


def wire(row: Completion) -> dict[str, Any]:
    """Write a row as the API does, its times to the microsecond."""
    fields: dict[str, Any] = {
        "id": row.id,
        "created": stamp(row.created),
        "status": row.status.value,
        "model": row.model,
        "skill": row.skill,
        "usage": {"prompt_tokens": row.input_tokens, "completion_tokens": row.output_tokens},
    }
    if row.finished is not None:
        assert row.credits is not None
        fields["finished_at"] = stamp(row.finished)
        fields["usage"]["credits"] = row.credits / MICRO
    return fields


def stamp(time: int) -> str:
    """Write a time (µs) as ISO 8601 does."""
    return datetime.fromtimestamp(time // SECOND, UTC).replace(microsecond=time % SECOND).isoformat()
