"""What goes wrong in a poll: said everywhere, no worse than it is, and made good once the API works again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from exporter.metrics import catalog
from exporter.models import SECOND
from tests.pollers import Api, Reply, Rig, rig
from tests.servers import Request


def test_a_failure_is_said_everywhere_and_the_next_poll_makes_it_good(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            await it.poll()
            worked = it.value(catalog.LAST_SUCCESS)
            it.api.override = lambda request: it.api.reply(500, {"detail": "the database is down"})
            await it.poll()
            status = it.poller.status
            assert status.up is False
            assert status.failure is not None
            assert "the database is down" in str(status.failure)
            assert it.value(catalog.SOURCE_UP) == 0
            assert it.value(catalog.POLL_FAILURES, "server_error") == 1
            assert it.value(catalog.LAST_SUCCESS) == worked
            it.api.override = None
            it.api.add(3)
            await it.poll()
            assert it.poller.status.failing_since is None
            assert it.value(catalog.ROWS, "counted") == 3

    asyncio.run(run())


def test_a_sweep_that_fails_does_not_make_the_newest_rows_stale(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            await it.poll()
            it.api.add(60)
            deep = lambda request: "after" in request.params  # noqa: E731
            it.api.override = lambda request: it.api.reply(500, {}) if deep(request) else it.api.page(request)
            await it.poll()
            assert it.value(catalog.SOURCE_UP) == 0
            assert it.value(catalog.LAST_SUCCESS) > 0
            assert it.value(catalog.ROWS, "counted") == 20
            assert it.poller.catching_up()
            it.api.override = None
            await it.poll()
            assert it.value(catalog.ROWS, "counted") == 60
            assert not it.poller.catching_up()

    asyncio.run(run())


def too_large(api: Api, limit: int) -> Reply:
    """Refuse nothing, but answer with more than can be read whenever more than ``limit`` rows of old are asked for."""

    def reply(request: Request) -> bytes:
        if "after" in request.params and int(request.params["limit"]) > limit:
            return api.reply(200, {"object": "list", "data": [{}] * 10_001})
        return api.page(request)

    return reply


def test_a_sweep_that_meets_too_large_an_answer_goes_on_once_page_size_is_lowered(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            await it.poll()
            it.api.add(100)
            it.api.override = too_large(it.api, 5)
            await it.poll()
            assert it.value(catalog.POLL_FAILURES, "too_large") == 1
            assert it.value(catalog.ROWS, "counted") == 20, "the newest page"
            rows, now = it.api.rows, it.clock.now()
        async with rig(tmp_path, page_size=5) as it:
            it.clock.advance(now / SECOND - it.clock.now() / SECOND)
            it.api.rows = rows
            it.api.override = too_large(it.api, 5)
            await it.poll()
            await it.poll()
            assert it.value(catalog.ROWS, "counted") == 100
            assert it.value(catalog.POLL_FAILURES, "too_large") == 1

    asyncio.run(run())


def test_a_sweep_that_asked_for_more_because_of_ties_goes_back_to_what_can_be_read(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            await it.poll()
            it.api.add(30)
            it.clock.advance(1)
            created = it.clock.now() // SECOND
            tied = [{"id": f"tied-{number}", "created": created, "status": "success"} for number in range(30)]
            it.api.rows = [*tied, *it.api.rows]
            it.api.add(30)
            it.api.override = too_large(it.api, 20)
            await it.poll()
            assert it.value(catalog.ROWS, "counted") == 90
            assert it.value(catalog.POLL_FAILURES, "too_large") == 0
            assert any(int(request.params["limit"]) == 40 for request in it.api.requests)

    asyncio.run(run())


def test_retry_after_is_heeded_by_all_lists_of_the_account_if_it_is_about_its_rate(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            it.api.override = lambda request: it.api.reply(429, {"error": {"message": "slow down"}}, retry_after="600")
            await it.poll()
            assert it.value(catalog.POLL_FAILURES, "rate_limited") == 1
            asked = len(it.api.requests)
            for poller in it.runtime.pollers:
                await poller.poll()
            assert len(it.api.requests) == asked
            it.api.override = None
            it.clock.advance(600)
            for poller in it.runtime.pollers:
                await poller.poll()
            assert len(it.api.requests) == asked + 3

    asyncio.run(run())


def test_counting_begins_when_the_list_was_first_asked_for_although_the_api_was_down_then(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            it.api.override = lambda request: it.api.reply(503, {"detail": "maintenance"})
            it.api.add(2)
            await it.poll()
            it.api.add(30)
            await it.poll()
            it.api.override = None
            for _ in range(3):
                await it.poll()
            assert it.value(catalog.ROWS, "counted") == 30

    asyncio.run(run())


def test_a_refused_key_is_said_and_a_rotated_one_works_without_restart(tmp_path: Path) -> None:
    def guard(it: Rig) -> Reply:
        def reply(request: Request) -> bytes:
            good = request.headers["authorization"] == "Bearer key-2"
            return it.api.page(request) if good else it.api.reply(401, {"detail": "Invalid API key"})

        return reply

    async def run() -> None:
        async with rig(tmp_path) as it:
            it.api.override = guard(it)
            await it.poll()
            assert it.telemetry.value(catalog.AUTH_OK, "a") == 0
            it.key_file.write_text("key-2")
            await it.poll()
            assert it.telemetry.value(catalog.AUTH_OK, "a") == 1
            assert it.poller.status.up is True

    asyncio.run(run())


def test_one_wrong_date_header_does_not_seal_the_future(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            for _ in range(3):
                await it.poll()
            it.api.skew = 86_400
            await it.poll()
            it.api.skew = 0
            it.api.add(5)
            await it.poll()
            assert it.value(catalog.ROWS, "counted") == 5
            watermark = it.poller.watermark()
            assert watermark is not None
            assert watermark < it.clock.now()

    asyncio.run(run())


def test_newest_rows_that_could_not_all_be_read_are_a_backlog(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=10, start="2h") as it:
            it.api.add(1000)
            await it.poll()
            before = it.poller.intake.coverage
            assert before is not None and before.sweep is not None
            it.api.add(200)  # less than the sweep has left to prove
            it.api.override = lambda request: (
                it.api.reply(503, {}) if "after" in request.params else it.api.page(request)
            )
            await it.poll()
            assert it.value(catalog.POLL_FAILURES, "server_error") == 1
            after = it.poller.intake.coverage
            assert after is not None and after.backlog_from > before.backlog_from, "another sweep has to follow"

    asyncio.run(run())


def test_an_unexpected_error_ends_in_the_log_and_a_metric_not_in_silence(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            it.poller.intake.head = None  # type: ignore[method-assign,assignment]
            await it.poll()
            assert it.telemetry.value(catalog.TASK_FAILURES, "poll") == 1
            assert it.poller.status.up is False

    asyncio.run(run())
