"""Sweeps wait for the request budget and end before the next poll, and the newest rows go before them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from exporter.metrics import catalog
from exporter.metrics.catalog import Family
from exporter.metrics.snapshot import Snapshot
from exporter.metrics.spelling import Values
from exporter.models import SECOND
from tests.pollers import Rig, rig
from tests.servers import Request


def test_a_starved_budget_goes_to_head_polls_first_and_says_that_arrivals_outrun_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=3) as it:
            for _ in range(10):
                it.api.add(100)
                for poller in it.runtime.pollers:
                    await poller.poll()
            assert it.poller.catching_up()
            assert it.poller.eta() == float("inf")
            assert it.value(catalog.POLL_FAILURES, "rate_limited") == 0
            sent = [request for request in it.api.requests if request.path.endswith("completions")]
            assert len(sent) >= 10, "every poll read the newest rows"

    asyncio.run(run())


def spend_six(it: Rig) -> None:
    """Spend a budget of six requests a minute one by one, every five seconds."""
    for _ in range(6):
        it.clock.advance(5)
        it.runtime.budgets["a"].take(it.clock.now())


def test_a_sweep_waits_for_places_in_the_budget_that_become_free_in_its_interval(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=6, start="2h") as it:
            it.api.add(1000)
            spend_six(it)
            await it.poll(25)  # ten seconds before the first place is free
            assert len(it.api.requests) == 1 + 3, "the newest page, and all that this list was granted of the rest"
            assert it.value(catalog.ROWS, "counted") > 70

    asyncio.run(run())


def test_a_sweep_that_waits_ends_before_the_next_poll(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=6, start="2h") as it:
            it.api.add(1000)
            spend_six(it)
            began = it.clock.monotonic()
            await it.poll(0)
            assert len(it.api.requests) == 1 + 1, "the next place is free after four fifths of the interval"
            assert it.clock.monotonic() - began <= 0.8 * 60

    asyncio.run(run())


def test_a_sweep_ends_before_the_next_poll_however_much_of_the_budget_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=600, start="2h") as it:
            it.api.add(2000)

            def slow(request: Request) -> bytes:
                it.clock.advance(1)
                return it.api.page(request)

            it.api.override = slow
            published: list[float] = []
            publish = it.exposition.publish

            def noted(snapshot: Snapshot, own: Iterable[tuple[Family, Values]]) -> None:
                published.append(it.clock.monotonic())
                publish(snapshot, own)

            monkeypatch.setattr(it.exposition, "publish", noted)
            began = it.clock.monotonic()
            await it.poll(0)
            assert 48 <= it.clock.monotonic() - began <= 50
            waits = [later - earlier for earlier, later in pairwise(published)]
            assert len(published) >= 5 and max(waits) <= 12, "what was read is shown meanwhile"
            for _ in range(2):
                await it.poll(10)
            assert it.value(catalog.ROWS, "counted") == 2000

    asyncio.run(run())


def test_a_sweep_goes_on_page_by_page_where_the_newest_rows_alone_take_longer_than_the_interval(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=600, start="2h", timeout="100s") as it:
            it.api.add(200)

            def slow(request: Request) -> bytes:
                it.clock.advance(70)
                return it.api.page(request)

            it.api.override = slow
            it.clock.advance(100)  # an answer is as of before it was asked for: no row is younger than that
            for cycle in range(1, 6):
                await it.poll(0)
                assert len(it.api.requests) == 2 * cycle, "the newest page, and one more"

    asyncio.run(run())


def test_newest_rows_are_read_however_long_the_first_page_had_to_wait(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=20, start="2h") as it:
            it.api.add(1000)
            await it.poll()
            before = it.value(catalog.ROWS, "counted")
            assert it.poller.walking, "a sweep that these rows have to go before"
            it.api.add(45)
            for _ in range(20):
                it.runtime.budgets["a"].take(it.clock.now())
            began = it.clock.monotonic()
            await it.poll(0)
            assert it.clock.monotonic() - began > 0.8 * 60
            assert it.value(catalog.ROWS, "counted") - before >= 45

    asyncio.run(run())


def test_an_exporter_is_ready_once_the_newest_rows_are_in_however_long_the_sweep_waits(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=6, start="2h") as it:
            it.api.add(1000)
            for _ in range(5):
                it.runtime.budgets["a"].take(it.clock.now() + 20 * SECOND)
            ready: list[bool] = []
            plain = it.clock.sleep

            async def sleep(seconds: float) -> None:
                ready.append(it.poller.status.last_poll is not None and it.poller.status.up is True)
                await plain(seconds)

            it.clock.sleep = sleep  # type: ignore[method-assign]
            await it.poll(40)
            assert ready and all(ready)

    asyncio.run(run())


def test_a_full_budget_alone_does_not_mean_that_arrivals_outrun_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=6) as it:
            await it.poll()
            it.api.add(30)  # a page and a half: the newest rows take a second request
            for _ in range(5):
                it.runtime.budgets["a"].take(it.clock.now())
            await it.poll(20)
            assert it.value(catalog.ROWS, "counted") == 30
            assert it.poller.eta() is None

    asyncio.run(run())
