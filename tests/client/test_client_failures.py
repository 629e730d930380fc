"""What goes wrong has a reason, and a message in which the server has its say."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from exporter.api.errors import MAX_MESSAGE, ApiError
from exporter.models import FailureReason, PollError
from tests.clients import IMPATIENT, OK, failure, fetch, gzip_bomb, rig
from tests.servers import Answer, answer, drip, http_server, reset, silence


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n[1,2",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"",
        reset,
    ],
)
def test_a_broken_conversation_is_a_connection_failure(reply: Answer) -> None:
    error = failure(reply)
    assert error.reason is FailureReason.CONNECTION
    assert "connection to 127.0.0.1" in str(error)


def test_a_refused_connection_says_so() -> None:
    async def run() -> None:
        async with http_server(OK) as server:
            pass
        async with rig(server.url, max_attempts=1) as it:
            with pytest.raises(ApiError) as caught:
                await it.client.get("/list", {})
        assert caught.value.reason is FailureReason.CONNECTION
        assert str(caught.value) == f"could not connect to 127.0.0.1:{server.port}: Connection refused"
        assert it.codes == ["error"]

    asyncio.run(run())


def test_an_unknown_host_says_so() -> None:
    async def run() -> None:
        async with rig("http://vlmrun.invalid", max_attempts=1) as it:
            with pytest.raises(ApiError, match=r"name lookup failed on the way to vlmrun\.invalid: ") as caught:
                await it.client.get("/list", {})
        assert caught.value.reason is FailureReason.CONNECTION

    asyncio.run(run())


@pytest.mark.parametrize("reply", [silence, drip(b"HTTP/1.1 200 OK\r\n\r\n["), drip(b"HTTP/1.1 200 OK\r\nx: ")])
def test_silence_and_dripping_end_at_the_timeout(reply: Answer) -> None:
    error = failure(reply, timeout=IMPATIENT)
    assert error.reason is FailureReason.TIMEOUT
    assert str(error).startswith("no complete answer from 127.0.0.1:")
    assert "within the timeout of 0.3 s" in str(error)


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (400, FailureReason.CLIENT_ERROR, "rejected the request (400): why"),
        (401, FailureReason.AUTH, "refused the API key (401): why"),
        (402, FailureReason.CLIENT_ERROR, "credits exhausted"),
        (403, FailureReason.AUTH, "refused the API key (403): why"),
        (404, FailureReason.CLIENT_ERROR, "does not exist (404), check base_url"),
        (408, FailureReason.TIMEOUT, "(408): why"),
        (418, FailureReason.CLIENT_ERROR, "rejected the request (418): why"),
        (422, FailureReason.CLIENT_ERROR, "rejected the request (422): why"),
        (429, FailureReason.RATE_LIMITED, "too many requests (429): why"),
        (500, FailureReason.SERVER_ERROR, "failed (500): why"),
        (504, FailureReason.SERVER_ERROR, "failed (504): why"),
        (599, FailureReason.SERVER_ERROR, "failed (599): why"),
    ],
)
def test_every_status_has_a_reason_and_a_message(status: int, reason: FailureReason, said: str) -> None:
    error = failure(answer(status, b'{"detail": "why"}'))
    assert error.reason is reason
    assert error.status == status
    assert said in str(error)
    assert "/v1/predictions" in str(error)
    assert isinstance(error, PollError)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"detail": "no such domain"}', ": no such domain"),
        (
            b'{"detail": [{"loc": ["query", "limit"], "msg": "too big", "type": "x"}, {"loc": [], "msg": "b"}]}',
            ": query.limit: too big; : b",
        ),
        (b'{"error": {"message": "slow down", "type": "rate_limit", "id": "r-1"}}', ": slow down (rate_limit, r-1)"),
        (
            b'{"detail": {"error": {"message": "no model", "type": "not_found", "code": 1, "param": null}}}',
            ": no model (not_found)",
        ),
        (b'{"error": "boom"}', ": boom"),
        (b'{"error": null, "detail": "boom"}', ": boom"),
        (b'{"message": "boom"}', ": boom"),
        (b'{"odd": 1}', ': {"odd": 1}'),
        (b"null", ": null"),
        (b"<html><head><title>502 Bad\r\n Gateway</title>", ": 502 Bad Gateway"),
        (b"oh\x00\x1b[31m no\xff\xe2\x80\xae", ": oh [31m no\N{REPLACEMENT CHARACTER}"),
        (b"[" * 60_000, ": [[["),
        (b"", "failed (500)"),
    ],
)
def test_the_servers_own_words_are_in_the_message(body: bytes, said: str) -> None:
    message = str(failure(answer(500, body)))
    assert said in message
    assert message.isprintable()
    assert len(message) <= MAX_MESSAGE


def test_a_compressed_explanation_is_read() -> None:
    body = gzip.compress(b'{"detail": "why"}')
    assert str(failure(answer(500, body, content_encoding="gzip"))).endswith("(500): why")


@pytest.mark.parametrize(
    "reply",
    [
        answer(401, b"no " * 1_000_000),
        answer(401, gzip_bomb(1000), content_encoding="gzip"),
        answer(401, b"no", content_encoding="br"),
        b"HTTP/1.1 401 No\r\ncontent-length: 100\r\n\r\nno",
        drip(b"HTTP/1.1 401 No\r\n\r\nno"),
    ],
)
def test_the_status_counts_whatever_becomes_of_the_explanation(reply: Answer) -> None:
    error = failure(reply, timeout=IMPATIENT if callable(reply) else 10.0)
    assert error.reason is FailureReason.AUTH
    assert error.status == 401
    assert len(str(error)) <= MAX_MESSAGE


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("https://eve:evil@other.example/v2?token=secret#x", "to other.example;"),
        ("/v2?token=secret", "to the same host;"),
        ("https://[bad/?token=secret", "to an unreadable location;"),
    ],
)
def test_a_redirect_is_not_followed_and_named_by_host_alone(location: str, said: str) -> None:
    outcome, server, _ = fetch(answer(307, b"token=secret", location=location))
    assert isinstance(outcome, ApiError)
    assert outcome.reason is FailureReason.REDIRECT
    assert said in str(outcome)
    assert "secret" not in str(outcome)
    assert "evil" not in str(outcome)
    assert len(server.requests) == 1


def test_a_redirect_takes_the_key_nowhere() -> None:
    async def run() -> None:
        async with http_server(OK) as other, http_server(answer(302, b"", location=other.url)) as server:
            async with rig(server.url) as it:
                with pytest.raises(ApiError, match=r"redirects \(302\) to 127\.0\.0\.1;"):
                    await it.client.get("/list", {})
            assert other.connections == 0

    asyncio.run(run())


def test_a_redirect_to_nowhere_is_a_redirect() -> None:
    assert "to an unnamed location" in str(failure(answer(304, b"")))
