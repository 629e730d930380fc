"""The committed state of every list, in memory: what the ledger holds, but for the ids.

The only way to change it is :meth:`Books.record`: first the transaction, then memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import add

from exporter.counting import coverage as cover
from exporter.counting import totals, worst
from exporter.counting.budgets import spend_from
from exporter.counting.coverage import Coverage, Waiting
from exporter.counting.layout import Layout
from exporter.counting.ledger import Entries
from exporter.models import CounterKey, Exemplar, Offender, SeriesKey, SourceKey
from exporter.store import Changes, Store


class Books:
    """Coverage, pending rows, totals, credit sums and exemplars. Exemplars alone do not survive a restart."""

    def __init__(self, store: Store, layout: Layout) -> None:
        """Load everything from ``store``. Raises LedgerError."""
        contents = store.load()
        self.store = store
        self.layout = layout
        self.coverage: dict[SourceKey, Coverage] = contents.coverage
        self.waiting: dict[SourceKey, dict[int, Waiting]] = contents.waiting
        self.totals: dict[SeriesKey, list[int]] = contents.totals
        self.spend: dict[SourceKey, dict[int, int]] = contents.spend
        self.offenders: tuple[Offender, ...] = contents.offenders
        self.exemplars: dict[SeriesKey, dict[int, Exemplar]] = {}
        self.counters: Mapping[CounterKey, int] = contents.counters
        self.released: Mapping[SeriesKey, int] = contents.released
        self._changed: Callable[[Iterable[SeriesKey]], None] = lambda keys: None

    def on_change(self, changed: Callable[[Iterable[SeriesKey]], None]) -> None:
        """Call ``changed`` with the series that a commit has changed."""
        self._changed = changed

    def begin(self, source: SourceKey, *, now: int, look_back: int, max_lateness: int, page_size: int) -> Coverage:
        """The coverage of ``source``; on its first poll, a new one that counts from ``now - look_back`` (µs) on."""
        known = self.coverage.get(source)
        if known is not None:
            return cover.retarget(known, max_lateness, page_size)
        fresh = cover.start(now, look_back, max_lateness)
        lost_from = self.store.lost_frontier(source)
        return fresh if lost_from is None else cover.after_loss(fresh, lost_from)

    def record(
        self,
        source: SourceKey,
        coverage: Coverage,
        entries: Entries,
        counters: Mapping[CounterKey, int],
        *,
        now: int,
    ) -> None:
        """Commit what a page led to, then make it the state. Raises PollError, and then nothing has changed."""
        delta = entries.delta
        series: dict[SeriesKey, list[int]] = {}
        for key, values in delta.series.items():
            known = self.totals.get(key)
            if known is not None:
                series[key] = list(map(add, known, values))
                continue
            series[key] = values
            for sibling in totals.siblings(key):
                if sibling not in self.totals and sibling not in delta.series:
                    series[sibling] = [0] * self.layout.size
        offenders = worst.merge(self.offenders, delta.offenders, now) if delta.offenders else None
        changes = Changes(
            source=source,
            coverage=coverage,
            settled=entries.settled,
            waiting=entries.waiting,
            done_waiting=entries.done_waiting,
            series=series,
            counters=counters,
            spend=delta.spend,
            offenders=offenders,
            observed=now,
        )
        self.store.commit(changes)
        self._adopt(changes)
        for (key, slot), exemplar in delta.exemplars.items():
            shown = self.exemplars.setdefault(key, {})
            if slot not in shown or exemplar.time >= shown[slot].time:  # pages of a sweep are ever older
                shown[slot] = exemplar
        self._changed(series)

    def _adopt(self, changes: Changes) -> None:
        self.coverage[changes.source] = changes.coverage
        waiting = self.waiting.setdefault(changes.source, {})
        for hash_ in changes.done_waiting:
            waiting.pop(hash_, None)
        waiting.update(changes.waiting)
        for key, values in changes.series.items():
            self.totals[key] = list(values)
        spend = self.spend.setdefault(changes.source, {})
        grows = not changes.spend.keys() <= spend.keys()
        for quarter, amount in changes.spend.items():
            spend[quarter] = spend.get(quarter, 0) + amount
        if grows:
            kept = spend_from(changes.coverage)
            self.spend[changes.source] = {quarter: amount for quarter, amount in spend.items() if quarter >= kept}
        if changes.offenders is not None:
            self.offenders = changes.offenders
