"""How many connections a server bears, and how many requests on one of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from exporter.web.limits import Limits, Refusal
from tests.trials import GET, NEVER, PATIENT, SOON, Gate, Service, run

HUGE = 20_000_000
"""Bytes; more than the system's buffers take."""


async def huge(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(b"x" * HUGE)(scope, receive, send)


def test_when_full_who_has_waited_longest_makes_room() -> None:
    async def trial(service: Service) -> None:
        first, second = await service.connect(), await service.connect()
        for client in (second, first):
            client.send(GET)
            assert (await client.answer())[0] == 200
        third = await service.connect()
        assert await second.closed() == b""
        assert service.refused() == [Refusal.TOO_MANY_CONNECTIONS]
        for client in (first, third):
            client.send(GET)
            assert (await client.answer())[0] == 200

    run(trial, limits=replace(PATIENT, max_connections=2))


def test_when_full_the_address_that_holds_most_makes_room() -> None:
    async def trial(service: Service) -> None:
        scraper = await service.connect("127.0.0.2")
        crowd = [await service.connect() for _ in range(3)]
        scraper.send(GET)
        assert (await scraper.answer())[0] == 200
        crowd += [await service.connect() for _ in range(3)]
        for client in crowd[:3]:
            assert await client.closed() == b""
        other = await service.connect("127.0.0.3")
        assert await crowd[3].closed() == b""
        for client in (scraper, other, *crowd[4:]):
            client.send(GET)
            assert (await client.answer())[0] == 200
        assert service.refused() == [Refusal.TOO_MANY_CONNECTIONS] * 4

    run(trial, limits=replace(PATIENT, max_connections=4))


def test_nobody_makes_room_whose_answer_is_being_worked_on() -> None:
    gate = Gate()

    async def trial(service: Service) -> None:
        busy = await service.connect()
        busy.send(GET)
        await gate.entered.wait()
        newcomer = await service.connect()
        assert await newcomer.closed() == b""
        assert service.refused() == [Refusal.TOO_MANY_CONNECTIONS]
        gate.open.set()
        assert await busy.answer() == (200, b"/hello")

        newcomer = await service.connect()
        newcomer.send(GET)
        assert await newcomer.answer() == (200, b"/hello")
        assert await busy.closed() == b""

    run(trial, limits=replace(PATIENT, max_connections=1), app=gate)


def test_being_worked_for_is_no_way_to_keep_others_out() -> None:
    gate = Gate()

    async def trial(service: Service) -> None:
        busy = [await service.connect() for _ in range(2)]
        for client in busy:
            client.send(GET)
        await gate.entered.wait()
        scraper = await service.connect("127.0.0.2")
        scraper.send(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert await scraper.answer() == (200, b"/metrics")
        assert await busy[0].closed() == b""
        gate.open.set()
        assert await busy[1].answer() == (200, b"/hello")

    run(trial, limits=replace(PATIENT, max_connections=2), app=gate)


def test_of_too_much_that_is_unread_the_oldest_of_the_greediest_address_is_cut() -> None:
    async def trial(service: Service) -> None:
        patient = await service.connect("127.0.0.2")
        patient.send(GET)
        greedy = [await service.connect() for _ in range(4)]
        for client in greedy:
            client.send(GET)
        assert [await service.refusals.get() for _ in range(2)] == [Refusal.TOO_MUCH_UNREAD] * 2
        for client in greedy[:2]:
            assert len(await client.closed()) < HUGE
        for client in (patient, *greedy[2:]):
            assert await client.answer() == (200, b"x" * HUGE)

    run(trial, limits=replace(PATIENT, max_unread_bytes=3 * HUGE), app=huge)


def test_one_answer_may_be_larger_than_what_may_be_unread() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(GET)
        assert await client.answer() == (200, b"x" * HUGE)
        assert service.refused() == []

    run(trial, limits=replace(PATIENT, max_unread_bytes=1000), app=huge)


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
