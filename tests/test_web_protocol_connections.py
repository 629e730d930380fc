"""How many connections a server bears, and how many requests on one of them."""

from __future__ import annotations

import asyncio

from exporter.web.limits import Limits, Refusal
from tests.trials import GET, NEVER, SOON, Gate, Service, run


def test_connections_beyond_the_cap_are_closed_at_once_and_the_others_live() -> None:
    async def trial(service: Service) -> None:
        first, second = await service.connect(), await service.connect()
        for client in (first, second):
            client.send(GET)
            assert (await client.answer())[0] == 200
        third = await service.connect()
        assert await third.closed() == b""
        assert service.refused() == [Refusal.TOO_MANY_CONNECTIONS]
        first.send(GET)
        assert (await first.answer())[0] == 200

        second.send(b"GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n")
        await second.closed()
        fourth = await service.connect()
        fourth.send(GET)
        assert (await fourth.answer())[0] == 200

    run(trial, limits=Limits(max_connections=2))


def test_a_flood_of_connections_leaves_no_more_than_the_cap() -> None:
    async def trial(service: Service) -> None:
        clients = await asyncio.gather(*(service.connect() for _ in range(60)))
        reasons = [await service.refusals.get() for _ in range(50)]
        assert set(reasons) == {Refusal.TOO_MANY_CONNECTIONS}
        closed = {asyncio.create_task(client.closed()) for client in clients}
        while len(closed) > 10:
            _, closed = await asyncio.wait(closed, return_when=asyncio.FIRST_COMPLETED)
        for survivor in closed:
            survivor.cancel()
        assert service.refused() == []

    run(trial, limits=Limits(max_connections=10, header_timeout=NEVER))


def test_one_connection_carries_many_requests() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        for number in range(20):
            client.send(b"GET /%d HTTP/1.1\r\n\r\n" % number)
            assert await client.answer() == (200, b"/%d" % number)

    run(trial)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(5)))
        assert [await client.answer() for _ in range(5)] == [(200, b"/%d" % number) for number in range(5)]
        assert await client.closed() == b""
        assert service.refused() == []

    run(trial, limits=Limits(idle_timeout=SOON))


def test_a_slow_answer_to_a_pipelined_request_is_waited_for() -> None:
    gate = Gate()

    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"GET /first HTTP/1.1\r\n\r\n" + GET)
        assert await client.answer() == (200, b"/first")
        await gate.entered.wait()
        probe = await service.connect()
        await probe.closed()  # by then the idle deadline would have passed
        gate.open.set()
        assert await client.answer() == (200, b"/hello")

    run(trial, limits=Limits(header_timeout=2 * SOON, idle_timeout=SOON), app=gate)


def test_too_many_pipelined_requests_are_cut() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(GET * 1000)
        assert await client.closed() == b""
        assert service.refused() == [Refusal.TOO_MANY_PIPELINED]

    run(trial)
