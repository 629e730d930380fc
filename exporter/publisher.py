"""Turns the committed books into what a scrape sees: births, worst completions, budgets, one rendering a publish."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.books import Books
from exporter.counting import budgets, worst
from exporter.counting import layout as slots
from exporter.counting.births import Births, Shown
from exporter.counting.budgets import Budget
from exporter.counting.layout import Histogram
from exporter.metrics import catalog
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import HistogramView, SeriesView, Snapshot
from exporter.metrics.telemetry import Telemetry
from exporter.models import (
    SECOND,
    BudgetState,
    Clock,
    PollError,
    SeriesKey,
    SlowLowTokenRules,
    SourceKey,
)

QUICK = 0.5
"""A rendering that took at most so many seconds is never followed by a rest."""

RENDERING_SHARE = 0.25
"""Share of the time that longer ones may take: polls, sweeps and scrapes are served by the same thread."""

LONGEST_REST = 30.0
"""Seconds of rest at most, should a rendering have taken so long because the whole process was held up."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the configuration says about publishing."""

    sources: frozenset[SourceKey]
    rules: SlowLowTokenRules
    budgets: tuple[Budget, ...]
    error_ratio: float
    link: str
    birth_hold: int
    """How long a new series is shown as 0 (µs)."""


class Publisher:
    """Publishes after commits, and when time alone changes what is shown."""

    def __init__(
        self, *, books: Books, telemetry: Telemetry, exposition: Exposition, clock: Clock, terms: Terms
    ) -> None:
        self._books = books
        self._telemetry = telemetry
        self._exposition = exposition
        self._clock = clock
        self._births = Births(books.layout, terms.birth_hold, books.released)
        self._views: dict[SeriesKey, SeriesView] = {}
        self._slow_ratios: dict[tuple[str, str, str], float] = {}
        self._changed: set[SeriesKey] = set()
        self._worst_shown: tuple[object, ...] = ()
        self._period_end = 0
        self._ledger_fails = False
        self._put_off = False
        self._rests_until = 0.0
        self.adopt(terms)
        books.on_change(self._changed.update)

    def adopt(self, terms: Terms) -> None:
        """Take over a configuration."""
        self._terms = terms
        self._births.hold = terms.birth_hold
        self._views.clear()
        self._slow_ratios.clear()
        self._changed.update(self._books.totals)

    def ledger_fails(self, fails: bool) -> None:
        """While the ledger fails, the exporter's own counters are shown although they are not durable."""
        self._ledger_fails = fails

    def due(self) -> bool:
        """Whether time alone has changed what /metrics should show, or what was put off may be shown by now."""
        if self._rests():
            return False
        now = self._clock.now()
        birth = self._births.next_due()
        return (
            self._put_off
            or (birth is not None and birth <= self._uptime() and not self._books.store.rolled_back)
            or now >= self._period_end
            or worst.top(self._books.offenders, now) != self._worst_shown
        )

    def publish_soon(self) -> None:
        """Render the committed state now, or once it is due if rendering takes long and was done just now."""
        if self._rests():
            self._put_off = True
        else:
            self.publish()

    def publish(self) -> None:
        """Render the committed state; what a scrape sees changes at once, from one whole to the next."""
        began = self._clock.monotonic()
        if not self._books.store.rolled_back:
            self._refresh()
            if self._release():
                self._refresh()
        snapshot = self._snapshot(self._clock.now())
        self._telemetry.set(catalog.LEDGER_ROLLED_BACK, value=float(self._books.store.rolled_back))
        self._exposition.publish(snapshot, self._telemetry.collect(unsaved=self._ledger_fails))
        ended = self._clock.monotonic()
        took = ended - began
        rest = min(took / RENDERING_SHARE - took, LONGEST_REST) if took > QUICK else 0.0
        self._rests_until = ended + rest
        self._put_off = False

    def budgets(self, now: int) -> tuple[BudgetState, ...]:
        """Every budget of every account, as of ``now``."""
        states = []
        for budget in self._terms.budgets:
            sources = [source for source in self._terms.sources if source.account == budget.account]
            spend = [self._books.spend.get(source, {}) for source in sources]
            coverage = [self._books.coverage.get(source) for source in sources]
            states.append(budgets.state(budget, spend, coverage, now))
        return tuple(states)

    def resume(self) -> None:
        """Publish again after completion families were withheld: their series are not new, none is shown as 0."""
        self._births.release_all(self._books.totals)
        self._changed.update(self._books.totals)
        self.publish()

    def _rests(self) -> bool:
        return self._clock.monotonic() < self._rests_until

    def _uptime(self) -> int:
        """A time in µs that no setting of the clock moves, for series whose time at 0 must not be cut or drawn out."""
        return int(self._clock.monotonic() * SECOND)

    def _release(self) -> bool:
        """Let series whose time at 0 is over go on: durable first, so that no restart takes them back to 0."""
        due = self._births.due(self._uptime())
        if not due:
            return False
        try:
            self._books.store.release(due)
        except PollError:
            return False  # they stay at 0 until the ledger works again; the failure is reported by the polls
        self._births.release(due)
        self._changed.update(due)
        return True

    def _refresh(self) -> None:
        """Bring the views of changed series up to date."""
        for key in self._changed:
            if SourceKey(key.account, key.source) not in self._terms.sources:
                continue
            values = self._books.totals[key]
            self._births.show(key, values, self._uptime())
            released, zero = self._births.state(key)
            if key not in self._views:
                rule = self._terms.rules.resolve(key.model, key.skill)
                self._slow_ratios[key.account, key.model, key.skill] = rule.alert_ratio
            self._views[key] = self._view(key, values, released, zero)
        self._changed.clear()

    def _snapshot(self, now: int) -> Snapshot:
        offenders = worst.top(self._books.offenders, now)
        states = self.budgets(now)
        self._worst_shown = offenders
        self._period_end = min((state.end for state in states), default=now + 86_400 * SECOND)
        accounts = sorted({source.account for source in self._terms.sources})
        return Snapshot(
            series={} if self._books.store.rolled_back else dict(self._views),
            worst=[entry for entry in offenders if SourceKey(entry.account, entry.source) in self._terms.sources],
            budgets=states,
            error_ratios=dict.fromkeys(accounts, self._terms.error_ratio),
            slow_ratios=dict(self._slow_ratios),
            link=self._terms.link,
        )

    def _view(self, key: SeriesKey, values: list[int], released: Shown, zero: Shown) -> SeriesView:
        layout = self._books.layout
        exemplars = self._books.exemplars.get(key, {})

        def number(group: Shown, slot: int) -> int | None:
            if group & released:
                return values[slot]
            return 0 if group & zero else None

        def histogram(group: Shown, place: Histogram) -> HistogramView | None:
            if group & released:
                first = place.sum + 1
                counts = values[place.buckets]
                shown = {index: exemplars[first + index] for index in range(len(counts)) if first + index in exemplars}
                return HistogramView(values[place.sum], counts, shown)
            return HistogramView(0, [0] * (len(place.bounds) + 1)) if group & zero else None

        return SeriesView(
            completions=number(Shown.COMPLETIONS, slots.COMPLETIONS) or 0,
            input_tokens=number(Shown.INPUT, slots.INPUT_TOKENS),
            output_tokens=number(Shown.OUTPUT, slots.OUTPUT_TOKENS),
            credits=number(Shown.CREDITS, slots.CREDITS),
            low_token=number(Shown.OUTPUT, slots.LOW_TOKEN),
            slow_low_token=number(Shown.OUTPUT, slots.SLOW_LOW_TOKEN),
            duration=histogram(Shown.DURATION, layout.duration),
            time_to_first_token=histogram(Shown.TIME_TO_FIRST_TOKEN, layout.time_to_first_token),
            output_length=histogram(Shown.OUTPUT, layout.output_length),
            cost=histogram(Shown.CREDITS, layout.cost),
            error_exemplar=exemplars.get(slots.COMPLETIONS),
            slow_exemplar=exemplars.get(slots.SLOW_LOW_TOKEN),
        )
