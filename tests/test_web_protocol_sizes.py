"""How much a client may send: each limit is tried by a real client over a real socket."""

from __future__ import annotations

import pytest

from exporter.web.limits import Limits, Refusal
from tests.trials import SOON, Gate, Service, catching_disconnects, read_body, run


@pytest.mark.parametrize("line", [b"X: " + b"x" * 20_000, b"\r\n".join([b"X: x"] * 4000)], ids=["one", "many"])
def test_headers_beyond_the_limit_get_431(line: bytes) -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"GET / HTTP/1.1\r\n" + line + b"\r\n\r\n")
        assert await client.answer() == (431, b"The request's headers exceed 16384 bytes.\n")
        assert await client.closed() == b""
        assert service.refused() == [Refusal.HEADERS_TOO_LARGE]

    run(trial)


def test_a_refused_client_can_read_why_while_it_is_still_sending() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 8_000_000)
        assert (await client.answer())[0] == 431
        assert await client.closed() == b""

    run(trial)


def test_a_refused_client_that_does_not_close_is_cut() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"nonsense\r\n\r\n")
        assert (await client.answer())[0] == 400
        with pytest.raises(ConnectionError):
            await client.send_for_ever(b"more nonsense")

    run(trial, limits=Limits(linger_timeout=SOON))


def test_headers_up_to_the_limit_are_served() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        head = b"GET /hello HTTP/1.1\r\nX: "
        client.send(head + b"x" * (16 * 1024 - len(head) - 4) + b"\r\n\r\n")
        assert await client.answer() == (200, b"/hello")

    run(trial)


def test_a_body_declared_too_large_gets_413_before_it_is_sent() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"POST / HTTP/1.1\r\nContent-Length: 65537\r\nExpect: 100-continue\r\n\r\n")
        assert await client.answer() == (413, b"The request's body exceeds 65536 bytes.\n")
        assert await client.closed() == b""
        assert service.refused() == [Refusal.BODY_TOO_LARGE]

    run(trial)


@pytest.mark.parametrize(
    "chunk", [b"10000\r\n" + b"x" * 0x10000 + b"\r\n", b"1;" + b"x" * 0x10000 + b"\r\nx\r\n"], ids=["body", "extension"]
)
def test_a_chunked_body_that_grows_too_large_gets_413(chunk: bytes) -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk)
        assert (await client.answer())[0] == 413
        client.send(bytes(8_000_000))
        await client.writer.drain()  # the rest is still taken in, and thrown away
        assert service.refused() == [Refusal.BODY_TOO_LARGE]

    run(trial, app=catching_disconnects(read_body))


def test_an_answer_that_comes_after_a_refusal_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()

    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"POST /hello HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        await gate.entered.wait()
        client.send(b"20000\r\n" + b"x" * 0x20000)
        assert (await client.answer())[0] == 413
        gate.open.set()
        await gate.left.wait()
        assert await client.closed() == b""

    run(trial, app=gate)
    assert caplog.records == []


def test_a_body_that_grows_too_large_after_the_answer_is_cut() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"POST /hello HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert await client.answer() == (200, b"/hello")
        client.send(b"20000\r\n" + b"x" * 0x20000)
        assert await client.closed() == b""
        assert service.refused() == [Refusal.BODY_TOO_LARGE]

    run(trial)


def test_a_body_up_to_the_limit_is_served() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"POST / HTTP/1.1\r\nContent-Length: 65536\r\n\r\n" + bytes(65536))
        assert await client.answer() == (200, b"65536")

    run(trial, app=read_body)
