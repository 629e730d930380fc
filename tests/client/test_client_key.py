"""The API key: read once, again when it is refused, and never shown."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from exporter.api.client import Response
from exporter.api.errors import ApiError
from exporter.models import FailureReason
from tests.clients import IMPATIENT, KEY, OK, failure, fetch, rig, tls
from tests.clocks import START
from tests.servers import Answer, H2Answer, Server, answer, http2_server, http_server, reset, silence


class Secret:
    """A key that changes: each read returns the next value, the last one for ever; exceptions are raised."""

    def __init__(self, *values: str | Exception) -> None:
        self.values = list(values)
        self.reads = 0

    def __call__(self) -> str:
        value = self.values[min(self.reads, len(self.values) - 1)]
        self.reads += 1
        if isinstance(value, Exception):
            raise value
        return value


def keys_sent(server: Server) -> list[str]:
    return [request.headers["authorization"].removeprefix("Bearer ") for request in server.requests]


def test_a_replaced_key_is_used_from_the_next_call_on() -> None:
    async def run() -> None:
        secret = Secret("old", "new")
        async with http_server(OK) as server, rig(server.url, read_key=secret) as it:
            assert secret.reads == 0
            await it.client.get("/list", {})
            await it.client.get("/list", {})
        assert keys_sent(server) == ["old", "new"]

    asyncio.run(run())


def test_a_key_that_is_gone_is_not_used_any_more() -> None:
    async def run() -> None:
        secret = Secret(KEY, FileNotFoundError("secret file is gone"))
        async with http_server(OK) as server, rig(server.url, read_key=secret) as it:
            await it.client.get("/list", {})
            with pytest.raises(ApiError, match="secret file is gone"):
                await it.client.get("/list", {})
        assert keys_sent(server) == [KEY]

    asyncio.run(run())


@pytest.mark.parametrize("status", [401, 403])
def test_a_rotated_key_is_used_at_once(status: int) -> None:
    outcome, server, it = fetch(answer(status), OK, read_key=Secret("old", "new"), max_attempts=1)
    assert isinstance(outcome, Response)
    assert keys_sent(server) == ["old", "new"]
    assert it.clock.slept == []
    assert len(it.journal) == 2


def test_a_key_that_was_not_rotated_is_refused_once() -> None:
    secret = Secret(KEY)
    outcome, server, _ = fetch(answer(401), OK, read_key=secret)
    assert isinstance(outcome, ApiError)
    assert outcome.reason is FailureReason.AUTH
    assert secret.reads == 2
    assert len(server.requests) == 1


def test_a_second_rotation_waits_for_the_next_call() -> None:
    _, server, _ = fetch(answer(401), answer(401), OK, read_key=Secret("one", "two", "three"))
    assert keys_sent(server) == ["one", "two"]


def test_the_refusal_is_reported_when_the_key_cannot_be_read_again_and_the_reason_next_time() -> None:
    async def run() -> None:
        secret = Secret(KEY, FileNotFoundError("secret file is gone"))
        async with http_server(answer(401), OK) as server, rig(server.url, read_key=secret) as it:
            with pytest.raises(ApiError, match=r"refused the API key \(401\)"):
                await it.client.get("/list", {})
            with pytest.raises(ApiError, match="secret file is gone"):
                await it.client.get("/list", {})
            assert len(server.requests) == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (ValueError("environment variable VLMRUN_API_KEY is not set"), "VLMRUN_API_KEY is not set"),
        ("", "is empty or"),
        ("sk-hidden\n", "a line break"),
        ("sk-hidden\r\nX-Evil: 1", "a line break"),
        ("sk-hidden schlüssel", "not ASCII"),
    ],
)
def test_an_unusable_key_fails_without_a_request(secret: str | Exception, said: str) -> None:
    outcome, server, it = fetch(OK, read_key=Secret(secret))
    assert isinstance(outcome, ApiError)
    assert outcome.reason is FailureReason.AUTH
    assert said in str(outcome)
    assert "hidden" not in exposed(outcome)
    assert not server.requests
    assert not it.journal
    assert it.budget.used(START) == 0


def exposed(error: BaseException) -> str:
    """Everything that a report of ``error`` could show: chained exceptions and our frames' locals included."""
    ours = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if "/exporter/" in frame.f_code.co_filename]
    assert ours
    texts = [repr(value) for frame in ours for value in frame.f_locals.values()]
    chain = [error.__cause__, error.__context__, *vars(error).values(), *error.args]
    return "\n".join([*texts, *map(repr, chain), *traceback.format_exception(error)])


@pytest.mark.parametrize(
    "reply",
    [
        answer(401, f'{{"detail": "bad key {KEY}"}}'.encode()),
        answer(500, b"<p>" + KEY.encode() + b"</p>"),
        answer(404, b"x" * 180 + KEY.encode()),
        answer(404, b'{"odd": "' + KEY.replace("/", "\\/").encode() + b'"}'),
        answer(404, b"no page /?key=" + quote(KEY, safe="").encode()),
        answer(302, b"", location=f"https://{KEY}/"),
        answer(200, b"", content_encoding=KEY),
        b"HTTP/1.1 banana " + KEY.encode() + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
        reset,
        silence,
    ],
)
def test_no_failure_shows_the_key(reply: Answer) -> None:
    error = failure(reply, timeout=IMPATIENT if reply is silence else 10.0)
    shown = exposed(error)
    for form in (KEY, KEY.lower(), quote(KEY, safe=""), KEY.replace("/", "\\/")):
        assert form not in shown
    assert error.__cause__ is None
    assert error.__context__ is None


def test_the_key_is_not_in_the_clients_repr() -> None:
    _, server, it = fetch(OK)
    assert repr(it.client) == f"ApiClient(account='acme', host='127.0.0.1:{server.port}')"


def test_no_log_shows_the_key(ca: trustme.CA, ca_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def run() -> None:
        echo = answer(401, KEY.encode(), x_key=KEY)
        async with http_server(echo) as server, rig(server.url) as it:
            with contextlib.suppress(ApiError):
                await it.client.get("/list", {})
        reply = H2Answer(headers={"x-key": KEY})
        async with http2_server(reply, tls=tls(ca)) as server, rig(server.url, ca_file=ca_file) as it:
            await it.client.get("/list", {})

    asyncio.run(run())
    assert "HTTP Request" in caplog.text
    assert KEY not in caplog.text
