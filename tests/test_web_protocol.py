"""What is not HTTP/1.1 is refused, and no error is written into another answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.web.limits import Refusal
from tests.trials import GET, PATIENT, Gate, Service, catching_disconnects, read_body, run


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_not_http_gets_400_and_is_closed(request_bytes: bytes) -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(request_bytes)
        assert await client.answer() == (400, b"Bad request: this is not valid HTTP/1.1.\n")
        assert await client.closed() == b""
        assert service.refused() == [Refusal.BAD_REQUEST]

    run(trial, app=catching_disconnects(read_body))


@pytest.mark.parametrize(
    ("next_request", "refusal"),
    [
        (b"nonsense\r\n\r\n", Refusal.BAD_REQUEST),
        (b"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", Refusal.BODY_TOO_LARGE),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + bytes(0x1000), Refusal.BODY_TOO_LARGE),
    ],
)
def test_an_error_is_never_written_before_or_into_another_answer(next_request: bytes, refusal: Refusal) -> None:
    gate = Gate()

    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(GET)
        await gate.entered.wait()
        client.send(next_request)
        assert await client.closed() == b""
        assert service.refused() == [refusal]
        gate.open.set()

    run(trial, limits=replace(PATIENT, max_body_bytes=1000), app=gate)


def test_an_upgrade_is_answered_in_http_1_1_and_closed() -> None:
    async def trial(service: Service) -> None:
        client = await service.connect()
        client.send(b"GET /hello HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert await client.answer() == (200, b"/hello")
        assert await client.closed() == b""
        assert service.refused() == []

    run(trial)
