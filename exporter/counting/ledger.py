"""Which rows of a page are new, pending, settled or known: the step that counts each completion once. Pure.

``apply(state, page) -> state, delta``: nothing is remembered here. What is known of the page's rows is looked up by
the caller, what follows is committed by the caller, and only then becomes the next state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from hashlib import blake2b
from itertools import compress
from struct import Struct, unpack
from typing import Final, NamedTuple
from zlib import crc32

from exporter.counting.columns import Columns
from exporter.counting.coverage import Coverage, Waiting
from exporter.counting.totals import Delta, Tally
from exporter.models import SECOND, Completion, Page, SourceKey, Status

VANISHED: Final = 1
"""Mark of a row that was pending and is no longer listed: counted after all, should it come back finished."""

FIRST_FINGERPRINT: Final = 16
"""Marks from here on are fingerprints of counted rows."""

UNKNOWN_FINGERPRINT: Final = FIRST_FINGERPRINT
"""Mark of a row that was counted by a version which took fingerprints in another way."""

_AMOUNTS: Final = Struct("<5q")


class RowKey(NamedTuple):
    """Identity of a row: clustered by creation second (so that forgetting is deleting a prefix), then by hash."""

    second: int
    hash: int


_row_key: Final[Callable[[tuple[int, int]], RowKey]] = partial(tuple.__new__, RowKey)
"""``RowKey._make``, but in C."""


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


def row_keys(source: SourceKey, rows: Sequence[Completion]) -> list[RowKey]:
    """Keys of rows: 8 bytes of BLAKE2b over list and id, as a signed integer for SQLite."""
    list_ = f"{source.account}\0{source.source}\0"
    digests = [blake2b(f"{list_}{row.id}".encode("utf-8", "surrogatepass"), digest_size=8).digest() for row in rows]
    hashes = unpack(f">{len(rows)}q", b"".join(digests))
    return list(map(_row_key, zip([row.created // SECOND for row in rows], hashes, strict=True)))


def row_key(source: SourceKey, row: Completion) -> RowKey:
    """Key of one row: see :func:`row_keys`."""
    return row_keys(source, [row])[0]


def fingerprints(rows: Columns) -> list[int]:
    """What was counted of rows, in 32 bits each, so that a later amendment is noticed.

    It is a CRC over status, model and skill, and over the five amounts as 64-bit integers, -1 for a missing one.
    """
    labels = list(zip(rows.status, rows.model, rows.skill, strict=True))
    heads = {each: crc32("|".join(map(str, each)).encode("utf-8", "surrogatepass")) for each in set(labels)}
    columns = (rows.input_tokens, rows.output_tokens, rows.credits, rows.duration, rows.time_to_first_token)
    amounts = ([-1 if value is None else value for value in column] if None in column else column for column in columns)
    crcs = map(crc32, map(_AMOUNTS.pack, *amounts), map(heads.__getitem__, labels))
    return [FIRST_FINGERPRINT + (crc or 1) for crc in crcs]


def apply(
    coverage: Coverage,
    waiting: Mapping[int, Waiting],
    page: Page,
    keys: Sequence[RowKey],
    marks: Mapping[RowKey, int],
    tally: Tally,
) -> Entries:
    """Decide every row of ``page``.

    ``keys`` are the rows' keys in the page's order, ``marks`` what the ledger holds of them, ``waiting`` all pending
    rows of the list.
    """
    entries = Entries()
    # Nearly all rows of a page are seen for the first time, finished, and newer than what is proven. These few
    # comparisons tell; what is odd about a row is looked into one by one.
    last = max(coverage.origin, coverage.horizon, coverage.proven)
    ordinary = [
        row.created > last and row.status is not Status.PENDING and key not in marks and key.hash not in waiting
        for key, row in zip(keys, page.rows, strict=True)
    ]
    if len({key.hash for key in keys}) < len(keys):  # a row is shown twice
        ordinary = [False] * len(keys)
    odd = [(key, row) for key, row, plain in zip(keys, page.rows, ordinary, strict=True) if not plain]
    if odd:
        _apply_each(entries, coverage, waiting, page, odd, marks, tally)
    if len(odd) < len(keys):
        new = Columns.of(list(compress(page.rows, ordinary)))
        entries.settled.update(zip(compress(keys, ordinary), fingerprints(new), strict=True))
        entries.outcomes[RowOutcome.COUNTED] += len(keys) - len(odd)
        tally.count(entries.delta, new, page.observed)
    return entries


def _apply_each(
    entries: Entries,
    coverage: Coverage,
    waiting: Mapping[int, Waiting],
    page: Page,
    rows: Sequence[tuple[RowKey, Completion]],
    marks: Mapping[RowKey, int],
    tally: Tally,
) -> None:
    """Decide rows of ``page`` that may be known, waited for, pending, old, or shown twice."""
    # Pages are listed at slightly different clock readings; a row shown to a walk was never seen before it began.
    begun = (walk.started for walk in (coverage.sweep, coverage.search) if walk is not None)
    seen = max((page.observed, *begun))
    new: list[Completion] = []
    for (key, row), fingerprint in zip(rows, fingerprints(Columns.of([row for _, row in rows])), strict=True):
        mark = entries.settled.get(key) or marks.get(key)
        is_waiting = key.hash in entries.waiting or (key.hash in waiting and key.hash not in entries.done_waiting)
        if mark is not None and mark >= FIRST_FINGERPRINT:
            entries.outcomes[RowOutcome.DUPLICATE] += 1
            _amend(entries, key, mark, fingerprint)
        elif mark is None and not is_waiting and row.created <= coverage.horizon:
            entries.outcomes[RowOutcome.SETTLED] += 1
        elif row.status is Status.PENDING:
            entries.outcomes[RowOutcome.PENDING] += 1
            entries.waiting[key.hash] = Waiting(created=row.created, seen=seen)
        elif _settle(entries, coverage, key, row, fingerprint, is_waiting=is_waiting):
            new.append(row)
        else:
            tally.spend(entries.delta, row)
    if new:
        tally.count(entries.delta, Columns.of(new), page.observed)


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
    entries: Entries, coverage: Coverage, key: RowKey, row: Completion, fingerprint: int, *, is_waiting: bool
) -> bool:
    """Settle a terminal row that was not counted before; tell whether it is to be counted now."""
    if is_waiting:
        entries.done_waiting.add(key.hash)
        entries.waiting.pop(key.hash, None)
    entries.settled[key] = fingerprint
    if row.created <= coverage.origin:
        entries.outcomes[RowOutcome.SETTLED] += 1
        return False
    entries.outcomes[RowOutcome.COUNTED] += 1
    if not is_waiting and row.created <= coverage.proven:
        entries.beyond_lateness += 1
    return True


def _amend(entries: Entries, key: RowKey, mark: int, fingerprint: int) -> None:
    """Report a counted row that has changed since: once for each change, and never folded in silently."""
    if fingerprint != mark:
        entries.settled[key] = fingerprint
        entries.amended += mark != UNKNOWN_FINGERPRINT
