"""Every request has a place in the budget and is on record before it is sent."""

from __future__ import annotations

import asyncio

import pytest

from exporter.api.client import Response
from exporter.api.errors import ApiError
from exporter.models import SECOND, FailureReason, PollError
from tests.clients import OK, fetch, rig
from tests.clocks import START
from tests.servers import Request, answer, http_server, silence


def test_a_call_waits_for_the_budget() -> None:
    async def run() -> None:
        async with http_server(OK) as server, rig(server.url, limit=2) as it:
            for _ in range(5):
                await it.client.get("/list", {})
            assert it.journal == [START, START, START + 60 * SECOND, START + 60 * SECOND, START + 120 * SECOND]

    asyncio.run(run())


def test_calls_at_the_same_time_do_not_overrun_the_budget() -> None:
    async def run() -> None:
        async with http_server(OK) as server, rig(server.url, limit=3) as it:
            await asyncio.gather(*(it.client.get("/list", {}) for _ in range(9)))
            assert sorted(it.journal) == it.journal
            assert all(late - early >= 60 * SECOND for early, late in zip(it.journal, it.journal[3:], strict=False))

    asyncio.run(run())


def test_an_optional_call_is_none_at_once_when_only_reserved_places_are_left() -> None:
    async def run() -> None:
        async with http_server(OK) as server, rig(server.url, limit=3) as it:
            assert await it.client.try_get("/list", {}, reserve=1) is not None
            assert await it.client.try_get("/list", {}, reserve=1) is not None
            assert await it.client.try_get("/list", {}, reserve=1) is None
            assert await it.client.try_get("/list", {}) is not None
            assert await it.client.try_get("/list", {}) is None
            assert it.clock.slept == []
            assert len(server.requests) == len(it.journal) == 3

    asyncio.run(run())


def test_a_retry_is_paid_from_the_budget_too() -> None:
    outcome, server, it = fetch(answer(503), OK, limit=1, timeout=30.0)
    assert isinstance(outcome, Response)
    assert it.journal == [START, START + 60 * SECOND]
    assert len(server.requests) == 2


def test_a_retry_that_the_budget_delays_too_long_is_not_made() -> None:
    outcome, server, _ = fetch(answer(503), OK, limit=1, timeout=10.0)
    assert isinstance(outcome, ApiError)
    assert len(server.requests) == 1


def test_a_request_is_on_record_before_it_is_sent() -> None:
    async def run() -> None:
        async def look(request: Request, writer: asyncio.StreamWriter) -> None:
            recorded.append(len(it.journal))
            writer.write(answer(503 if len(recorded) == 1 else 200))
            await writer.drain()

        recorded: list[int] = []
        async with http_server(look) as server, rig(server.url) as it:
            await it.client.get("/list", {})
        assert recorded == [1, 2]

    asyncio.run(run())


@pytest.mark.parametrize("error", [PollError(FailureReason.LEDGER, "disk full"), RuntimeError("closed")])
def test_a_request_that_cannot_be_recorded_is_not_sent(error: Exception) -> None:
    class Broken:
        def record_request(self, account: str, at: int) -> None:
            raise error

    async def run() -> None:
        async with http_server(OK) as server, rig(server.url, journal=Broken()) as it:
            for call in (it.client.get, it.client.try_get):
                with pytest.raises(type(error)) as caught:
                    await call("/list", {})
                assert caught.value is error
            assert server.connections == 0
            assert it.budget.used(START) == 0
            assert it.codes == []

    asyncio.run(run())


def test_a_request_cancelled_on_its_way_is_counted() -> None:
    async def run() -> None:
        async with http_server(silence) as server, rig(server.url) as it:
            call = asyncio.create_task(it.client.get("/list", {}))
            async with asyncio.timeout(5):
                while not server.requests:
                    await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert it.codes == ["error"]

    asyncio.run(run())
