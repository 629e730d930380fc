"""What a scrape sees while the ledger fails, and after it was rolled back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from exporter.metrics import catalog
from tests.clocks import FakeClock
from tests.publishers import COMPLETIONS, HOLD, LIST, SUCCESS, Exporter, counters, only, row


def test_own_counters_that_are_not_durable_are_shown_while_the_ledger_fails(exporter: Exporter) -> None:
    exporter.telemetry.declare(catalog.POLLS, *LIST)
    exporter.telemetry.count(catalog.POLLS, *LIST)
    assert only(exporter.publish(), catalog.POLLS.name) == [0]
    exporter.publisher.ledger_fails(True)
    assert only(exporter.publish(), catalog.POLLS.name) == [1]
    exporter.publisher.ledger_fails(False)
    exporter.store.commit_counters(exporter.telemetry.take())
    exporter.telemetry.committed()
    assert only(exporter.publish(), catalog.POLLS.name) == [1]


def roll_back(exporter: Exporter, copy: Path) -> None:
    """Put an older copy in the ledger's place, and start again."""
    exporter.store.close()
    shutil.copy(copy, exporter.path)
    exporter.open()


def back_up(exporter: Exporter, copy: Path) -> None:
    exporter.store.close()
    shutil.copy(exporter.path, copy)
    exporter.open()
    exporter.publish()


def test_completions_are_withheld_while_a_rolled_back_ledger_is_made_good(
    exporter: Exporter, clock: FakeClock, tmp_path: Path
) -> None:
    exporter.count(row("a"))
    exporter.publish()
    clock.advance(HOLD)
    exporter.publish()
    back_up(exporter, tmp_path / "copy")
    exporter.count(row("b"))
    samples = exporter.publish()
    assert only(samples, COMPLETIONS, **SUCCESS) == [2]
    assert only(samples, catalog.LEDGER_ROLLED_BACK.name) == [0]

    roll_back(exporter, tmp_path / "copy")
    samples = exporter.publish()
    assert {name for name, _ in counters(samples)} == set()
    assert only(samples, catalog.LEDGER_ROLLED_BACK.name) == [1]
    exporter.count(row("b"))
    assert {name for name, _ in counters(exporter.publish())} == set()
    exporter.store.settle_rollback()
    exporter.publisher.resume()
    samples = exporter.scrape()
    assert only(samples, COMPLETIONS, **SUCCESS) == [2]
    assert only(samples, catalog.LEDGER_ROLLED_BACK.name) == [0]
    exporter.count(row("c", model="born later"))
    assert only(exporter.publish(), COMPLETIONS, model="born later", **SUCCESS) == [0]


@pytest.mark.parametrize("killed", [False, True], ids=["", "killed before it was published"])
def test_no_series_is_shown_smaller_after_a_rollback_was_made_good(
    exporter: Exporter, clock: FakeClock, tmp_path: Path, killed: bool
) -> None:
    exporter.count(row("a", model="held in the copy"))
    back_up(exporter, tmp_path / "copy")
    exporter.count(row("b", model="unknown to the copy"))
    exporter.publish()
    clock.advance(HOLD)
    before = counters(exporter.publish())
    assert only(before, COMPLETIONS, **SUCCESS) == [1, 1]

    roll_back(exporter, tmp_path / "copy")
    exporter.publish()
    exporter.count(row("b", model="unknown to the copy"))
    exporter.publish()
    exporter.store.settle_rollback()
    if killed:
        exporter.restart()
        exporter.publish()
    else:
        exporter.publisher.resume()
    after = counters(exporter.scrape())
    assert {name for (name, labels), value in after.items() if value < before.get((name, labels), 0)} == set()
