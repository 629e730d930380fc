"""What a healthy exporter shows of itself and of its configuration while it counts simulated traffic."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from exporter.alerts.drill.exposition import TARGET
from exporter.alerts.drill.samples import Chunk, Labels, series
from exporter.alerts.drill.terms import ACCOUNT, Terms
from exporter.alerts.drill.traffic import Plan
from exporter.counting import budgets
from exporter.metrics import catalog
from exporter.metrics.catalog import Family
from exporter.models import MICRO, SECOND, RejectReason, SeriesKey
from exporter.simulator.items import Source

_Sample = tuple[Labels, float]


class Health:
    """The exporter's gauges and counters, and those of budgets and thresholds, as far as they are ``needed``."""

    def __init__(self, plan: Plan, terms: Terms, needed: Collection[str]) -> None:
        self._plan = plan
        self._terms = terms
        self._needed = frozenset(needed)
        self._taken: dict[Labels, tuple[list[int], list[float]]] = {}

    def scrape(self, spend: Mapping[int, int], keys: Iterable[SeriesKey], now: int) -> None:
        """Take all values at ``now`` (µs); ``spend`` is micro-credits by quarter, ``keys`` the series counted."""
        for samples in (self._process(), self._polls(now), self._configuration(keys), self._spending(spend, now)):
            for labels, value in samples:
                if labels[0][1] in self._needed:
                    times, values = self._taken.setdefault(labels, ([], []))
                    times.append(now // 1000)
                    values.append(value)

    def drain(self) -> Iterator[Chunk]:
        """Yield the samples taken since the last time."""
        for labels, (times, values) in self._taken.items():
            yield Chunk(labels, times, values)
        self._taken = {}

    def _process(self) -> Iterator[_Sample]:
        yield series("up", TARGET), 1.0
        yield series("process_start_time_seconds", TARGET), self._plan.start / SECOND
        yield _own(catalog.RELOAD_OK), 1.0
        yield _own(catalog.WEB_CONFIG_OK), 1.0
        yield _own(catalog.LEDGER_ROLLED_BACK), 0.0
        for task in ("poll", "publish", "web"):
            yield _own(catalog.TASK_FAILURES, task), 0.0
        yield _own(catalog.AUTH_OK, ACCOUNT), 1.0
        for label in ("model", "skill"):
            yield _own(catalog.LABEL_OVERFLOW, ACCOUNT, label), 0.0

    def _polls(self, now: int) -> Iterator[_Sample]:
        polled = self._plan.polled(now)
        done = (polled - self._plan.start) // self._terms.interval
        due = (now - self._plan.start) // self._terms.interval
        for source in Source:
            yield _own(catalog.LAST_SUCCESS, ACCOUNT, source), polled / SECOND
            yield _own(catalog.POLL_INTERVAL, ACCOUNT, source), self._terms.interval / SECOND
            yield _own(catalog.POLLS, ACCOUNT, source), float(due)
            yield _own(catalog.API_REQUESTS, ACCOUNT, source, "200"), float(done)
            yield _own(catalog.API_REQUESTS, ACCOUNT, source, "429"), 0.0
            yield _own(catalog.SOURCE_UP, ACCOUNT, source), float(now - polled < 2 * self._terms.interval)
            yield _own(catalog.CATCHING_UP, ACCOUNT, source), 0.0
            for state in ("open", "lost"):
                yield _own(catalog.COVERAGE_GAP, ACCOUNT, source, state), 0.0
            for family in (catalog.UNPROVABLE_PAGES, catalog.BEYOND_LATENESS):
                yield _own(family, ACCOUNT, source), 0.0
            for reason in RejectReason:
                yield _own(catalog.REJECTED_ROWS, ACCOUNT, source, reason), 0.0

    def _configuration(self, keys: Iterable[SeriesKey]) -> Iterator[_Sample]:
        yield _own(catalog.ERROR_BUDGET, ACCOUNT), self._terms.error_ratio
        for model, skill in {(key.model, key.skill) for key in keys}:
            ratio = self._terms.rules.resolve(model, skill).alert_ratio
            yield _own(catalog.SLOW_LOW_TOKEN_RATIO, ACCOUNT, model, skill), ratio

    def _spending(self, spend: Mapping[int, int], now: int) -> Iterator[_Sample]:
        for budget in self._terms.budgets:
            state = budgets.state(budget, [spend], [], now)
            for family, value in (
                (catalog.BUDGET, state.credits / MICRO),
                (catalog.BUDGET_SPENT, state.spent / MICRO),
                (catalog.BUDGET_START, state.start / SECOND),
                (catalog.BUDGET_END, state.end / SECOND),
                (catalog.BUDGET_COMPLETE, 1.0),
            ):
                yield _own(family, ACCOUNT, budget.name), value


def _own(family: Family, *values: str) -> Labels:
    return series(family.name, [*zip(family.labels, values, strict=True), *TARGET])
