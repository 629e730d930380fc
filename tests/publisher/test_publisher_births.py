"""Births: a new series is shown at 0 for a while, and only then its value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.metrics import catalog
from exporter.models import MICRO, Status
from tests.clocks import FakeClock
from tests.publishers import COMPLETIONS, HOLD, OTHER_LIST, SUCCESS, TERMS, Exporter, only, row


def test_a_new_series_is_0_for_the_hold_and_then_its_value(exporter: Exporter, clock: FakeClock) -> None:
    exporter.count(row("a"), row("b"))
    for second in range(0, HOLD, 10):
        assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [0], f"after {second} s"
        clock.advance(10)
    samples = exporter.publish()
    assert only(samples, COMPLETIONS, **SUCCESS) == [2]
    assert only(samples, catalog.INPUT_TOKENS.name) == [20]
    assert only(samples, catalog.CREDITS.name) == [6]
    assert only(samples, f"{catalog.DURATION.name}_sum") == [4]
    assert only(samples, f"{catalog.DURATION.name}_count") == [2]
    assert only(samples, catalog.LOW_TOKEN.name) == [0]


def test_time_at_0_begins_when_a_series_is_published_not_when_it_is_counted(
    exporter: Exporter, clock: FakeClock
) -> None:
    exporter.count(row())
    clock.advance(10 * HOLD)
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [0]
    clock.advance(HOLD - 1)
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [0]
    clock.advance(1)
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [1]


@pytest.mark.parametrize("step", [-7200, 7200])
def test_setting_the_clock_neither_cuts_the_hold_nor_draws_it_out(
    exporter: Exporter, clock: FakeClock, step: int
) -> None:
    exporter.count(row())
    exporter.publish()
    clock.step(step)
    clock.advance(HOLD - 1)
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [0]
    clock.advance(1)
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [1]


def test_a_series_once_released_shows_what_is_committed_at_once(exporter: Exporter, clock: FakeClock) -> None:
    exporter.count(row("a"))
    exporter.publish()
    clock.advance(HOLD)
    exporter.publish()
    exporter.count(row("b"))
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [2]


def test_nothing_is_shown_of_a_page_before_it_is_published(exporter: Exporter) -> None:
    before = exporter.scrape()
    exporter.count(row())
    assert exporter.scrape() == before == {}


def test_without_a_hold_a_value_is_shown_at_once(exporter: Exporter) -> None:
    exporter.publisher.adopt(replace(TERMS, birth_hold=0))
    exporter.count(row())
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [1]


def test_the_siblings_of_a_series_are_at_0_so_that_a_first_error_is_a_rise(
    exporter: Exporter, clock: FakeClock
) -> None:
    exporter.count(row("a"))
    samples = exporter.publish()
    assert sorted(
        (dict(labels)["status"], dict(labels)["late"], value)
        for (name, labels), value in samples.items()
        if name == COMPLETIONS
    ) == [("error", "false", 0), ("error", "true", 0), ("success", "false", 0), ("success", "true", 0)]
    clock.advance(HOLD)
    exporter.publish()
    exporter.count(row("b", status=Status.ERROR))
    assert only(exporter.publish(), COMPLETIONS, status="error", late="false") == [1]


def test_a_family_is_born_with_the_first_row_that_has_its_value(exporter: Exporter, clock: FakeClock) -> None:
    exporter.count(row("a", input_tokens=None, output_tokens=None, credits=None, duration=None))
    exporter.publish()
    clock.advance(HOLD)
    samples = exporter.publish()
    assert {name for name, _ in samples if not name.startswith("vlmrun_exporter_")} == {
        COMPLETIONS,
        catalog.ERROR_BUDGET.name,
        catalog.SLOW_LOW_TOKEN_RATIO.name,
    }
    exporter.count(row("b"))
    samples = exporter.publish()
    assert only(samples, COMPLETIONS, **SUCCESS) == [2]
    for name in (catalog.INPUT_TOKENS.name, catalog.CREDITS.name, f"{catalog.DURATION.name}_count"):
        assert only(samples, name) == [0], name
    assert only(samples, f"{catalog.TIME_TO_FIRST_TOKEN.name}_count") == []
    clock.advance(HOLD)
    samples = exporter.publish()
    assert only(samples, catalog.INPUT_TOKENS.name) == [10]
    assert only(samples, f"{catalog.DURATION.name}_count") == [1]


def test_a_restart_shows_released_series_at_once_and_the_others_at_0_again(
    exporter: Exporter, clock: FakeClock
) -> None:
    exporter.count(row("a"))
    exporter.publish()
    clock.advance(HOLD)
    exporter.publish()
    exporter.count(row("b", model="young"))
    exporter.publish()
    clock.advance(HOLD - 1)
    exporter.restart()
    samples = exporter.publish()
    assert only(samples, COMPLETIONS, model="m", **SUCCESS) == [1]
    assert only(samples, COMPLETIONS, model="young", **SUCCESS) == [0]
    clock.advance(HOLD - 1)
    assert only(exporter.publish(), COMPLETIONS, model="young", **SUCCESS) == [0]
    clock.advance(1)
    assert only(exporter.publish(), COMPLETIONS, model="young", **SUCCESS) == [1]


def test_a_series_stays_at_0_until_its_release_is_durable(exporter: Exporter, clock: FakeClock) -> None:
    exporter.count(row())
    exporter.publish()
    clock.advance(HOLD)
    with exporter.ledger_fails():
        for _ in range(3):
            assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [0]
            assert exporter.publisher.due()
            clock.advance(HOLD)
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [1]
    exporter.restart()
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [1]


def test_a_list_that_is_no_longer_configured_is_no_longer_shown(exporter: Exporter, clock: FakeClock) -> None:
    exporter.count(row("a", credits=5 * MICRO))
    exporter.count(row("b"), source=OTHER_LIST)
    exporter.publish()
    clock.advance(HOLD)
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [1, 1]
    exporter.publisher.adopt(replace(TERMS, sources=frozenset({OTHER_LIST})))
    samples = exporter.publish()
    assert only(samples, COMPLETIONS, **SUCCESS) == [1]
    assert {dict(labels)["source"] for _, labels in samples if "source" in dict(labels)} == {"requests"}
    exporter.publisher.adopt(TERMS)
    assert only(exporter.publish(), COMPLETIONS, source="completions", **SUCCESS) == [1]
