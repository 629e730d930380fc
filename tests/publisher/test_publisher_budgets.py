"""What a scrape sees of budgets, and of the thresholds that alerts compare with."""

from __future__ import annotations

from dataclasses import replace

from exporter.counting.budgets import Budget
from exporter.counting.coverage import Coverage
from exporter.counting.history import History
from exporter.metrics import catalog
from exporter.models import MICRO, SECOND, SlowLowTokenOverride, SlowLowTokenRules
from tests.clocks import START, FakeClock
from tests.publishers import DAY, DEFAULT_RULE, HOLD, OTHER_LIST, TERMS, Exporter, only, row


def test_a_budget_shows_what_was_spent_since_its_period_began(exporter: Exporter, clock: FakeClock) -> None:
    daily = Budget("acme", "daily", 100 * MICRO, "day", "UTC")
    berlin = Budget("acme", "berlin", 250 * MICRO, "day", "Europe/Berlin")
    elsewhere = Budget("globex", "daily", 7 * MICRO, "day", "UTC")
    exporter.publisher.adopt(replace(TERMS, budgets=(daily, berlin, elsewhere)))
    clock.advance(3600)
    walked = Coverage(
        origin=clock.now(), proven=clock.now(), horizon=0, max_lateness=0, history=History(START + 1, START - 1)
    )
    unwalked = Coverage(
        origin=clock.now(), proven=clock.now(), horizon=0, max_lateness=0, history=History(START + 1, START + 1)
    )
    exporter.count(row("a"), row("eve", at=START - SECOND), coverage=walked)
    exporter.count(row("b", credits=1_500_000), source=OTHER_LIST, coverage=unwalked)

    samples = exporter.publish()
    assert only(samples, catalog.BUDGET.name, budget="daily", account="acme") == [100]
    assert only(samples, catalog.BUDGET_SPENT.name, budget="daily", account="acme") == [4.5]
    assert only(samples, catalog.BUDGET_SPENT.name, budget="berlin") == [7.5]
    assert only(samples, catalog.BUDGET_SPENT.name, account="globex") == [0]
    assert only(samples, catalog.BUDGET_START.name, budget="daily", account="acme") == [START / SECOND]
    assert only(samples, catalog.BUDGET_END.name, budget="daily", account="acme") == [START / SECOND + DAY]
    assert only(samples, catalog.BUDGET_START.name, budget="berlin") == [START / SECOND - 3600]
    assert only(samples, catalog.BUDGET_COMPLETE.name, budget="daily", account="acme") == [0]
    exporter.count(source=OTHER_LIST, coverage=walked)
    assert only(exporter.publish(), catalog.BUDGET_COMPLETE.name, budget="daily", account="acme") == [1]


def test_a_budget_rolls_over_with_time_alone(exporter: Exporter, clock: FakeClock) -> None:
    exporter.publisher.adopt(
        replace(TERMS, budgets=tuple(Budget("acme", p, 9 * MICRO, p, "UTC") for p in ("day", "week", "month")))
    )
    exporter.count(row(at=START + SECOND))
    exporter.publish()
    clock.advance(HOLD)
    exporter.publish()
    clock.advance(3600)
    exporter.publish()  # the worst completion has left
    clock.advance(DAY - 3600 - HOLD - 1)
    assert not exporter.publisher.due()
    assert only(exporter.scrape(), catalog.BUDGET_SPENT.name) == [3, 3, 3]
    clock.advance(1)
    assert exporter.publisher.due()
    samples = exporter.publish()
    assert only(samples, catalog.BUDGET_SPENT.name, budget="day") == [0]
    assert only(samples, catalog.BUDGET_SPENT.name, budget="month") == [3]
    assert only(samples, catalog.BUDGET_START.name, budget="day") == [START / SECOND + DAY]
    assert not exporter.publisher.due()


def test_thresholds_are_shown_for_what_is_counted_after_overrides(exporter: Exporter) -> None:
    strict = replace(DEFAULT_RULE, alert_ratio=0.05)
    lenient = replace(DEFAULT_RULE, alert_ratio=0.5)
    rules = SlowLowTokenRules(
        DEFAULT_RULE, (SlowLowTokenOverride("pro", "invoice", strict), SlowLowTokenOverride("pro", "*", lenient))
    )
    exporter.publisher.adopt(replace(TERMS, rules=rules, error_ratio=0.07))
    exporter.count(row("a", model="pro", skill="invoice"), row("b", model="pro", skill=None), row("c", model="lite"))
    samples = exporter.publish()
    ratio = catalog.SLOW_LOW_TOKEN_RATIO.name
    assert only(samples, ratio, account="acme", model="pro", skill="invoice") == [0.05]
    assert only(samples, ratio, account="acme", model="pro", skill="none") == [0.5]
    assert only(samples, ratio, account="acme", model="lite", skill="s") == [0.2]
    assert len(only(samples, ratio)) == 3
    assert only(samples, catalog.ERROR_BUDGET.name, account="acme") == [0.07]


def test_thresholds_leave_with_the_list_they_are_for(exporter: Exporter) -> None:
    exporter.count(row("a"))
    assert only(exporter.publish(), catalog.SLOW_LOW_TOKEN_RATIO.name) == [0.2]
    exporter.publisher.adopt(replace(TERMS, sources=frozenset({OTHER_LIST})))
    assert only(exporter.publish(), catalog.SLOW_LOW_TOKEN_RATIO.name) == []
