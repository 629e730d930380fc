"""The ledger file: SQLite, one connection, one transaction a page.

Everything that must not be lost or doubled by ``kill -9`` is in one transaction: which rows were counted, what they
added, how far the sweep has come, and the request budget. Nothing is published before its commit.
"""

from __future__ import annotations

import contextlib
import uuid
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from exporter.counting.budgets import spend_from
from exporter.counting.coverage import Coverage
from exporter.counting.layout import Layout
from exporter.counting.ledger import RowKey
from exporter.counting.totals import Recount
from exporter.models import SECOND, CounterKey, SeriesKey, SourceKey
from exporter.store import highwater, reading, segments
from exporter.store.changes import Changes, Contents
from exporter.store.highwater import HighWater
from exporter.store.opening import connect, prepare
from exporter.store.problems import as_poll_error, explained

ALL_RELEASED = 2**31 - 1
"""A mask of every group of families, of today or later."""


class Store:
    """An open ledger. Methods that write raise PollError(ledger) and leave the file as it was."""

    def __init__(self, path: Path, layout: Layout) -> None:
        """Open, or create, the ledger at ``path``.

        Raises LedgerCorrupt if it is damaged, LedgerError if it is locked, of another version, or not writable.
        """
        self.path = path
        self._layout = layout
        self._mark_path = highwater.mark_path(path)
        self._marked = False
        with explained(path):
            mark = self._read_mark()
        self._db = connect(path)
        try:
            with explained(path):
                commits = mark.commits if mark else 0
                prepare(self._db, path, layout.name, lost=mark.proven if mark else {}, commits=commits)
                meta = dict(self._db.execute("SELECT key, value FROM meta"))
                self._epoch = meta["epoch"]
                self._commits = int(meta["commits"])
                self._observed = int(meta.get("observed", "0"))
                self._lost = msgspec.json.decode(meta["lost"], type=dict[str, int])
                self._ids: dict[SourceKey, int] = {}
                self._series: dict[SeriesKey, int] = {}
                self._frontier: dict[str, int] = {}
                self.recount = self._notice_rollback(meta, mark)
        except BaseException:
            self._db.close()
            raise
        if self._commits == 0:
            self._write_mark()

    @property
    def rolled_back(self) -> bool:
        """Whether the ledger is behind what was published, until :meth:`settle_rollback`."""
        return self.recount is not None

    @property
    def empty(self) -> bool:
        """Whether nothing has been committed yet: the first start, or the ledger before this one was lost."""
        return self._commits == 0

    def lost_frontier(self, source: SourceKey) -> int | None:
        """The frontier (µs) that the ledger lost before this one had reached for ``source``; None if none was lost."""
        return self._lost.get(highwater.frontier_key(source))

    def load(self) -> Contents:
        """Read everything but the ids. Raises LedgerError."""
        with explained(self.path):
            contents = reading.read(self._db, self.path, self._layout)
            self._ids = reading.list_ids(self._db)
            self._series = reading.series_ids(self._db)
        self._frontier = {highwater.frontier_key(key): known.proven for key, known in contents.coverage.items()}
        return contents

    def marks(self, source: SourceKey, keys: Sequence[RowKey]) -> dict[RowKey, int]:
        """What the ledger holds of these rows. Raises PollError."""
        id_ = self._ids.get(source)
        if id_ is None or not keys:
            return {}
        with as_poll_error():
            return segments.marks(self._db, id_, keys)

    def commit(self, changes: Changes) -> None:
        """Write one page's changes in one transaction. Raises PollError, with nothing written."""
        observed = max(self._observed, changes.observed)
        with self._transaction():
            id_ = self._write_coverage(changes.source, changes.coverage)
            segments.write(self._db, id_, changes.settled)
            self._db.executemany(
                "DELETE FROM waiting WHERE source = ? AND hash = ?", [(id_, hash_) for hash_ in changes.done_waiting]
            )
            self._db.executemany(
                "INSERT INTO waiting VALUES (?, ?, ?, ?)"
                " ON CONFLICT (source, hash) DO UPDATE SET created = excluded.created, seen = excluded.seen",
                [(id_, hash_, row.created, row.seen) for hash_, row in changes.waiting.items()],
            )
            new = self._write_series(changes.series)
            self._db.executemany(
                "INSERT INTO spend VALUES (?, ?, ?)"
                " ON CONFLICT (source, quarter) DO UPDATE SET credits = credits + excluded.credits",
                [(id_, quarter, amount) for quarter, amount in changes.spend.items()],
            )
            if changes.offenders is not None:
                self._db.execute(
                    "INSERT INTO offenders VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET entries = excluded.entries",
                    (msgspec.json.encode(changes.offenders),),
                )
            self._add_counters(changes.counters)
            self._forget(id_, changes.coverage)
            self._set_meta("observed", str(observed))
        # Nothing from here on may fail: what is committed must become the state in memory too.
        self._ids[changes.source] = id_
        self._series |= new
        self._observed = observed
        self._frontier[highwater.frontier_key(changes.source)] = changes.coverage.proven
        self._write_mark()

    def commit_counters(self, counters: Mapping[CounterKey, int]) -> None:
        """Add to exporter counters. Raises PollError."""
        with self._transaction():
            self._add_counters(counters)
        self._write_mark()

    def release(self, released: Mapping[SeriesKey, int]) -> None:
        """Remember which families of which series have been released from 0 (bit masks). Raises PollError."""
        with self._transaction():
            self._db.executemany(
                "UPDATE series SET released = ? WHERE id = ?",
                [(mask, self._series.get(key)) for key, mask in released.items()],
            )
        self._write_mark()

    def record_request(self, account: str, at: int) -> None:
        """Record a request (µs) before it is sent. Raises PollError: then it must not be sent."""
        with self._transaction():
            self._db.execute("DELETE FROM requests WHERE account = ? AND at < ?", (account, at - 120 * SECOND))
            self._db.execute("INSERT INTO requests VALUES (?, ?)", (account, at))
        self._write_mark()

    def requests(self, account: str) -> list[int]:
        """When the last requests of ``account`` were recorded (µs), oldest first. Raises LedgerError."""
        with explained(self.path):
            rows = self._db.execute("SELECT at FROM requests WHERE account = ? ORDER BY at", (account,))
            return [at for (at,) in rows]

    def settle_rollback(self) -> None:
        """The lists have been walked again since the ledger was rolled back: what was lost is counted again."""
        epoch = uuid.uuid4().hex  # what was copied before the rollback is of another ledger from now on
        with self._transaction():
            self._db.execute("DELETE FROM meta WHERE key = 'rolled_back'")
            self._set_meta("epoch", epoch)
            # What had been shown is unknown: going on from 0 would read as a reset.
            self._db.execute("UPDATE series SET released = ?", (ALL_RELEASED,))
        self._epoch = epoch
        self.recount = None
        self._marked = False
        self._write_mark()

    def check(self) -> None:
        """Prove that the ledger can be read. Raises PollError."""
        with as_poll_error():
            self._db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()

    def close(self) -> None:
        """Close the ledger; its write-ahead log is folded in."""
        self._db.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with as_poll_error():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._set_meta("commits", str(self._commits + 1))
                self._db.execute("COMMIT")
                self._commits += 1
            except BaseException:
                # A failed COMMIT may have rolled back by itself.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _set_meta(self, key: str, value: str) -> None:
        self._db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
        )

    def _write_coverage(self, source: SourceKey, coverage: Coverage) -> int:
        """Write a list's coverage, and the list itself on its first commit; return its number."""
        row = (*source, msgspec.json.encode(coverage))
        written = self._db.execute(
            "INSERT INTO sources (account, source, coverage) VALUES (?, ?, ?)"
            " ON CONFLICT (account, source) DO UPDATE SET coverage = excluded.coverage RETURNING id",
            row,
        )
        return int(written.fetchone()[0])

    def _write_series(self, series: Mapping[SeriesKey, Sequence[int]]) -> dict[SeriesKey, int]:
        """Write totals; return the numbers of the series that are new."""
        known, new = [], []
        for key, values in series.items():
            slots, id_ = array("q", values).tobytes(), self._series.get(key)
            if id_ is None:
                new.append((*key, slots))
            else:
                known.append((slots, id_))
        self._db.executemany("UPDATE series SET slots = ? WHERE id = ?", known)
        ids = {}
        for row in new:
            written = self._db.execute(
                "INSERT INTO series (account, source, model, skill, status, late, slots) VALUES (?, ?, ?, ?, ?, ?, ?)"
                " RETURNING id",
                row,
            )
            ids[SeriesKey(*row[:-1])] = int(written.fetchone()[0])
        return ids

    def _add_counters(self, counters: Mapping[CounterKey, int]) -> None:
        self._db.executemany(
            "INSERT INTO counters VALUES (?, ?, ?)"
            " ON CONFLICT (family, labels) DO UPDATE SET value = value + excluded.value",
            [(family, msgspec.json.encode(labels).decode(), value) for (family, labels), value in counters.items()],
        )

    def _forget(self, id_: int, coverage: Coverage) -> None:
        segments.forget(self._db, id_, coverage.horizon // SECOND)
        self._db.execute("DELETE FROM spend WHERE source = ? AND quarter < ?", (id_, spend_from(coverage)))

    def _notice_rollback(self, meta: Mapping[str, str], mark: HighWater | None) -> Recount | None:
        """Whether the ledger is behind what was published: its mark tells of more commits, or of another ledger."""
        if noted := meta.get("rolled_back"):
            return msgspec.json.decode(noted, type=Recount)
        # A mark without commits is of the ledger that was lost before this one.
        if mark is None or mark.commits == 0 or (mark.epoch == self._epoch and self._commits >= mark.commits):
            return None
        recount = Recount(since=self._observed, until=mark.observed)
        # Noted in the ledger: the mark may get lost before everything is counted again. A list that the copy does not
        # know begins anew, as if the ledger had been lost.
        known = {highwater.frontier_key(source) for source in reading.list_ids(self._db)}
        if unknown := {name: proven for name, proven in mark.proven.items() if name not in known}:
            self._lost |= unknown
            self._set_meta("lost", msgspec.json.encode(self._lost).decode())
        self._set_meta("rolled_back", msgspec.json.encode(recount).decode())
        return recount

    def _read_mark(self) -> HighWater | None:
        """Read the mark; one of a ledger that is gone no longer counts its commits, only what it had proven."""
        mark = highwater.read(self._mark_path)
        if mark is None or mark.commits == 0 or self.path.exists():
            return mark
        # Noted before there is a new file: should that be left empty by a failure now, it is not taken for damaged.
        mark = HighWater(epoch="", commits=0, proven=mark.proven)
        highwater.write(self._mark_path, mark)
        return mark

    def _write_mark(self) -> None:
        """Record how far the ledger has come; not while it is behind an older record of the same."""
        if self.rolled_back:
            return
        frontier = {**self._lost, **self._frontier}
        mark = HighWater(self._epoch, self._commits, frontier, self._observed)
        # The file may hold a mark of another ledger that tells of more commits: the first one replaces it.
        write = highwater.advance if self._marked else highwater.write
        with contextlib.suppress(OSError):  # it only helps to tell a lost ledger from a first start
            write(self._mark_path, mark)
            self._marked = True
