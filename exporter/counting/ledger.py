"""Which rows of a page are new, pending, settled or known: the step that counts each completion once. Pure.

``apply(state, page) -> state, delta``: nothing is remembered here. What is known of the page's rows is looked up by
the caller, what follows is committed by the caller, and only then becomes the next state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Final, NamedTuple
from zlib import crc32

from exporter.counting.coverage import Coverage, Waiting
from exporter.counting.totals import Delta, Tally
from exporter.models import SECOND, Completion, Page, SourceKey, Status

VANISHED: Final = 1
"""Mark of a row that was pending and is no longer listed: counted after all, should it come back finished."""

FIRST_FINGERPRINT: Final = 16
"""Marks from here on are fingerprints of counted rows."""


class RowKey(NamedTuple):
    """Identity of a row: clustered by creation second (so that forgetting is deleting a prefix), then by hash."""

    second: int
    hash: int


class RowOutcome(StrEnum):
    """What a sighting of a row came to (label ``outcome`` of ``vlmrun_exporter_rows_total``)."""

    COUNTED = "counted"
    DUPLICATE = "duplicate"
    PENDING = "pending"
    SETTLED = "settled"


@dataclass(slots=True)
class Entries:
    """What a page changes in the ledger and in the totals; nothing of it is true before it is committed."""

    settled: dict[RowKey, int] = field(default_factory=dict)
    """Marks to write: a fingerprint, or :data:`VANISHED`."""
    waiting: dict[int, Waiting] = field(default_factory=dict)
    """Pending rows to write, by hash."""
    done_waiting: set[int] = field(default_factory=set)
    """Pending rows to remove, by hash."""
    delta: Delta = field(default_factory=Delta)
    outcomes: Counter[RowOutcome] = field(default_factory=Counter)
    amended: int = 0
    beyond_lateness: int = 0
    """Rows that were counted although they showed up later than ``max_lateness`` allows."""


def row_key(source: SourceKey, row: Completion) -> RowKey:
    """Key of a row: 8 bytes of BLAKE2b over list and id, as a signed integer for SQLite."""
    text = f"{source.account}\0{source.source}\0{row.id}".encode("utf-8", "surrogatepass")
    return RowKey(row.created // SECOND, int.from_bytes(blake2b(text, digest_size=8).digest(), signed=True))


def fingerprint(row: Completion) -> int:
    """What was counted of a row, in 32 bits, so that a later amendment is noticed."""
    counted = (
        f"{row.status}|{row.model}|{row.skill}|{row.input_tokens}|{row.output_tokens}|{row.credits}|{row.duration}"
        f"|{row.time_to_first_token}"
    )
    return FIRST_FINGERPRINT + crc32(counted.encode("utf-8", "surrogatepass"))


def apply(
    coverage: Coverage,
    waiting: Mapping[int, Waiting],
    page: Page,
    keys: Iterable[RowKey],
    marks: Mapping[RowKey, int],
    tally: Tally,
) -> Entries:
    """Decide every row of ``page``.

    ``keys`` are the rows' keys in the page's order, ``marks`` what the ledger holds of them, ``waiting`` all pending
    rows of the list.
    """
    entries = Entries()
    # Pages are listed at slightly different clock readings; a row shown to a walk was never seen before it began.
    begun = (walk.started for walk in (coverage.sweep, coverage.search) if walk is not None)
    seen = max((page.observed, *begun))
    for key, row in zip(keys, page.rows, strict=True):
        mark = entries.settled.get(key) or marks.get(key)
        is_waiting = key.hash in entries.waiting or (key.hash in waiting and key.hash not in entries.done_waiting)
        if mark is not None and mark >= FIRST_FINGERPRINT:
            entries.outcomes[RowOutcome.DUPLICATE] += 1
            _amend(entries, key, mark, row)
        elif mark is None and not is_waiting and row.created <= coverage.horizon:
            entries.outcomes[RowOutcome.SETTLED] += 1
        elif row.status is Status.PENDING:
            entries.outcomes[RowOutcome.PENDING] += 1
            entries.waiting[key.hash] = Waiting(created=row.created, seen=seen)
        else:
            _settle(entries, coverage, key, row, page.observed, tally, is_waiting=is_waiting)
    return entries


def vanish(entries: Entries, waiting: Mapping[int, Waiting], hashes: Iterable[int]) -> int:
    """Stop waiting for pending rows that a proven sweep did not show; return how many there were."""
    count = 0
    for hash_ in hashes:
        if hash_ in entries.done_waiting or hash_ in entries.waiting:
            continue
        entries.done_waiting.add(hash_)
        entries.settled[RowKey(waiting[hash_].created // SECOND, hash_)] = VANISHED
        count += 1
    return count


def _settle(
    entries: Entries, coverage: Coverage, key: RowKey, row: Completion, now: int, tally: Tally, *, is_waiting: bool
) -> None:
    """Count a terminal row that was not counted before."""
    if is_waiting:
        entries.done_waiting.add(key.hash)
        entries.waiting.pop(key.hash, None)
    entries.settled[key] = fingerprint(row)
    if row.created <= coverage.origin:
        entries.outcomes[RowOutcome.SETTLED] += 1
        tally.spend(entries.delta, row)
        return
    entries.outcomes[RowOutcome.COUNTED] += 1
    if not is_waiting and row.created <= coverage.proven:
        entries.beyond_lateness += 1
    tally.count(entries.delta, row, now)


def _amend(entries: Entries, key: RowKey, mark: int, row: Completion) -> None:
    """Report a counted row that has changed since: once for each change, and never folded in silently."""
    changed = fingerprint(row)
    if changed != mark:
        entries.settled[key] = changed
        entries.amended += 1
