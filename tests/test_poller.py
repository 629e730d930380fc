"""Cycles of the real poller, client and ledger against a real server; only the clock is ours."""

from __future__ import annotations

import asyncio
from pathlib import Path

from exporter.counting import coverage as cover
from exporter.metrics import catalog
from exporter.models import SECOND, SourceKey
from tests.pollers import rig


def test_a_cycle_counts_publishes_and_proves(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            await it.poll()
            it.api.add(50, model="m", usage={"completion_tokens": 3, "credits_used": 0.5})
            for _ in range(20):
                await it.poll()
            assert it.poller.status.up is True
            assert (
                'vlmrun_completions_total{account="a",late="false",model="m",skill="none",source="completions",'
                'status="success"} 50\n' in it.text()
            )
            watermark = it.poller.watermark()
            assert watermark is not None
            assert it.clock.now() - watermark < 20 * 60 * SECOND
            assert it.value(catalog.LAST_SUCCESS) == it.clock.now() / SECOND
            assert not it.poller.catching_up()

    asyncio.run(run())


def test_a_rejected_row_is_reported_once_over_reloads(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            it.api.add(1, created="not a time")
            await it.poll()
            fresh = it.rebuilt()
            fresh.inherit(it.runtime)
            await fresh.pollers[0].poll()
            assert it.value(catalog.REJECTED_ROWS, "bad_timestamp") == 1

    asyncio.run(run())


def test_a_catch_up_is_labelled_late_and_ends(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, start="2h") as it:
            it.api.add(500)
            it.clock.advance(3600)
            it.api.add(10)
            for _ in range(30):
                await it.poll()
            totals = {key.late: values[0] for key, values in it.runtime._books.totals.items() if values[0]}
            assert totals == {"true": 500, "false": 10}
            assert not it.poller.catching_up()

    asyncio.run(run())


def test_the_credit_budget_is_filled_back_to_the_start_of_its_period(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            it.clock.advance(6 * 3600)
            it.api.add(300, usage={"credits_used": 2})
            budgeted = it.poller.intake
            midnight = it.clock.now() - 7 * 3600 * SECOND
            budgeted._history_since = lambda now: midnight
            for _ in range(30):
                await it.poll()
            key = SourceKey("a", "completions")
            coverage = it.runtime._books.coverage[key]
            assert it.value(catalog.ROWS, "counted") == 0, "history feeds the budget, not the counters"
            assert sum(it.runtime._books.spend[key].values()) == 600_000_000
            assert coverage.history is not None
            assert coverage.history.reaches(midnight)
            assert cover.open_gap(coverage, it.clock.now()) < 120 * SECOND

    asyncio.run(run())
