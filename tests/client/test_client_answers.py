"""A page as the client returns it: its body, unpacked and within the caps, and the server's time."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from email.utils import formatdate
from random import Random

import pytest

from exporter.api.client import Response
from exporter.api.errors import ApiError
from exporter.models import SECOND, FailureReason
from tests.clients import failure, fetch, gzip_bomb, page, rig
from tests.clocks import START, FakeClock
from tests.servers import Request, answer, drip, http_server


def test_the_body_is_returned_as_sent() -> None:
    assert page(answer(200, b'[{"id": "a"}]')).body == b'[{"id": "a"}]'


def test_observed_is_the_servers_date_less_age_and_round_trip() -> None:
    async def run() -> Response:
        async with http_server(slowly) as server, rig(server.url) as it:
            clock.append(it.clock)
            return await it.client.get("/list", {})

    clock: list[FakeClock] = []

    async def slowly(request: Request, writer: asyncio.StreamWriter) -> None:
        clock[0].advance(2.5)
        writer.write(answer(200, b"[]", date=formatdate(START // SECOND + 100, usegmt=True), age="7"))
        await writer.drain()

    response = asyncio.run(run())
    assert response.observed == START + (100 - 7) * SECOND - 2_500_000
    # The server's time is Date plus Age plus half a second; ours, when it said so, is half the round trip after START.
    assert response.skew == (100 + 7) * SECOND + 500_000 - 1_250_000


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}, {"date": ""}, {"date": "yesterday", "age": "9"}])
def test_without_a_usable_date_observed_is_the_local_time_of_sending(headers: dict[str, str]) -> None:
    response = page(answer(200, b"[]", **headers))
    assert response.observed == START
    assert response.skew is None


def test_an_unreadable_age_is_ignored() -> None:
    date = formatdate(START // SECOND, usegmt=True)
    assert page(answer(200, b"[]", date=date, age="old")).observed == START


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("GZIP", gzip.compress), ("deflate", zlib.compress)],
)
def test_compressed_bodies_are_decompressed(encoding: str, encode: Callable[[bytes], bytes]) -> None:
    body = json.dumps([{"id": str(number)} for number in range(10_000)]).encode()
    assert page(answer(200, encode(body), content_encoding=encoding)).body == body


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
def test_an_identity_encoding_is_no_encoding(encoding: str) -> None:
    assert page(answer(200, b"[1]", content_encoding=encoding)).body == b"[1]"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (answer(200, b"[]", content_encoding="br"), "encoded as 'br', only gzip and deflate"),
        (answer(200, gzip.compress(b"[]" * 99)[:-9], content_encoding="gzip"), "gzip data that ends too early"),
        (answer(200, b"", content_encoding="gzip"), "gzip data that ends too early"),
        (answer(200, b"[]", content_encoding="gzip"), "not valid gzip"),
        (answer(200, gzip.compress(b"[]") + b"[]", content_encoding="gzip"), "goes on after the end of its gzip data"),
        (answer(204, b""), "answered 204, a list must answer 200"),
        (answer(201, b"[]"), "answered 201, a list must answer 200"),
    ],
)
def test_an_unusable_answer_is_a_bad_body_and_not_asked_for_again(reply: bytes, said: str) -> None:
    outcome, server, _ = fetch(reply)
    assert isinstance(outcome, ApiError)
    assert outcome.reason is FailureReason.BAD_BODY
    assert said in str(outcome)
    assert len(server.requests) == 1


def test_a_gzip_bomb_is_refused_before_it_is_inflated() -> None:
    bomb = answer(200, gzip_bomb(10_000), content_encoding="gzip")
    assert 9_000_000 < len(bomb) < 32_000_000
    tracemalloc.start()
    try:
        error = failure(bomb, max_body_bytes=1 << 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert error.reason is FailureReason.TOO_LARGE
    assert "is larger than 1 MiB; lower page_size" in str(error)
    assert peak < 16 << 20


def test_a_body_may_be_exactly_as_large_as_the_caps() -> None:
    assert len(page(answer(200, b"x" * 1000), max_body_bytes=1000).body) == 1000
    packed = gzip.compress(b"x" * 1000)
    reply = answer(200, packed, content_encoding="gzip")
    assert len(page(reply, max_body_bytes=1000).body) == 1000


@pytest.mark.parametrize(
    "reply",
    [
        answer(200, b"x" * 1000),
        answer(200, gzip.compress(b"x" * 1000), content_encoding="gzip"),
        # On the wire alone: blocks that hold nothing.
        answer(200, gzip.compress(b"")[:10] + bytes.fromhex("000000ffff") * 200, content_encoding="gzip"),
    ],
)
def test_a_body_larger_than_the_cap_is_too_large(reply: bytes) -> None:
    assert failure(reply, max_body_bytes=999).reason is FailureReason.TOO_LARGE


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_a_body_is_put_together_from_its_pieces(size: int) -> None:
    body = Random(size).randbytes(1 << 16) * (size >> 16) + bytes(size & 0xFFFF)
    packed = answer(200, gzip.compress(body, 1), content_encoding="gzip")
    assert page(packed).body == body
    # All of it in a few bytes: what one piece leaves behind is in the next ones.
    assert page(answer(200, gzip.compress(bytes(size)), content_encoding="gzip")).body == bytes(size)


@pytest.mark.parametrize("encode", [bytes, gzip.compress])
def test_a_page_of_1000_rows_with_16_kib_each_is_read(encode: Callable[[bytes], bytes]) -> None:
    row = {"id": "r", "created": 1_747_658_096, "response": "x" * 16_384}
    body = json.dumps([row] * 1_000).encode()
    headers = {} if encode is bytes else {"content_encoding": "gzip"}
    assert page(answer(200, encode(body), **headers)).body == body


def test_an_endless_body_is_too_large() -> None:
    endless = drip(b"HTTP/1.1 200 OK\r\n\r\n", drop=b"x" * 10_000, every=0)
    assert failure(endless, max_body_bytes=200_000).reason is FailureReason.TOO_LARGE
