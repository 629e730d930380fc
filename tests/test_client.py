from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
import ssl
import traceback
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
import trustme

from exporter.api.budget import RequestBudget
from exporter.api.client import ApiClient, Response
from exporter.api.errors import MAX_MESSAGE, ApiError
from exporter.models import SECOND, FailureReason, PollError
from tests.clocks import START, FakeClock
from tests.servers import Answer, H2Answer, Request, Server, answer, drip, http2_server, http_server, reset, silence

KEY = "sk-live-3f9a/Zq+T0=="
OK = answer(200, b"[]")
IMPATIENT = 0.3
"""Seconds: the timeout of tests in which it strikes; it is real, as the servers are."""


@dataclass
class Rig:
    """A client with what it was given, and what it told them."""

    client: ApiClient
    clock: FakeClock
    budget: RequestBudget
    journal: list[int]
    codes: list[str]


@dataclass
class Records:
    """A journal and an observer in memory."""

    journal: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)

    def record_request(self, account: str, at: int) -> None:
        assert account == "acme"
        self.journal.append(at)

    def request(self, account: str, code: str) -> None:
        assert account == "acme"
        self.codes.append(code)


@asynccontextmanager
async def rig(url: str, *, limit: int = 100, **options: Any) -> AsyncIterator[Rig]:
    clock, records, budget = FakeClock(), Records(), RequestBudget(limit)
    given: dict[str, Any] = {
        "account": "acme",
        "base_url": f"{url}/v1",
        "read_key": lambda: KEY,
        "budget": budget,
        "journal": records,
        "observer": records,
        "clock": clock,
        "timeout": 10.0,
        "user_agent": "vlmrun-exporter/test",
        "random": Random(7),
    }
    client = ApiClient(**given | options)
    try:
        yield Rig(client, clock, budget, records.journal, records.codes)
    finally:
        await client.aclose()


def fetch(*answers: Answer, **options: Any) -> tuple[Response | ApiError, Server, Rig]:
    """Get one page from a server that gives these answers; return what came of it, and who was involved."""

    async def run() -> tuple[Response | ApiError, Server, Rig]:
        async with http_server(*answers) as server, rig(server.url, **options) as it:
            outcome: Response | ApiError
            try:
                outcome = await it.client.get("/predictions", {"limit": 2})
            except ApiError as error:
                outcome = error
            return outcome, server, it

    return asyncio.run(run())


def page(*answers: Answer, **options: Any) -> Response:
    outcome, _, _ = fetch(*answers, **options)
    assert isinstance(outcome, Response), outcome
    return outcome


def failure(*answers: Answer, **options: Any) -> ApiError:
    outcome, _, _ = fetch(*answers, **{"max_attempts": 1} | options)
    assert isinstance(outcome, ApiError), outcome
    return outcome


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(ca: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return path


def tls(ca: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names or ("127.0.0.1",)).configure_cert(context)
    return context


# The request


def test_the_request_carries_key_agent_encodings_path_and_params() -> None:
    async def run() -> None:
        async with http_server(OK) as server, rig(server.url) as it:
            await it.client.get("/openai/chat/completions", {"after": "a b&c", "limit": 100})
        (request,) = server.requests
        assert request.method == "GET"
        assert request.path == "/v1/openai/chat/completions"
        assert request.params == {"after": "a b&c", "limit": "100"}
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["user-agent"] == "vlmrun-exporter/test"
        assert request.headers["accept-encoding"] == "gzip, deflate"
        assert request.headers["accept"] == "application/json"

    asyncio.run(run())


@pytest.mark.parametrize(("base", "path"), [("/v1", "/list"), ("/v1/", "/list"), ("/v1", "list"), ("/v1/", "list")])
def test_base_url_and_path_are_joined_by_one_slash(base: str, path: str) -> None:
    async def run() -> None:
        async with http_server(OK) as server, rig(server.url, base_url=server.url + base) as it:
            await it.client.get(path, {})
        assert server.requests[0].target == "/v1/list"

    asyncio.run(run())


def test_params_are_added_to_those_of_the_path() -> None:
    async def run() -> None:
        async with http_server(OK) as server, rig(server.url) as it:
            await it.client.get("/list?tenant=7", {"limit": 2})
        assert server.requests[0].params == {"tenant": "7", "limit": "2"}

    asyncio.run(run())


def test_an_address_that_cannot_be_asked_for_costs_no_request() -> None:
    async def run() -> None:
        async with http_server(OK) as server, rig(server.url) as it:
            with pytest.raises(ApiError, match="cannot ask for '/list'") as caught:
                await it.client.get("/list", {"after": "x" * 100_000})
            assert caught.value.reason is FailureReason.CLIENT_ERROR
            assert not it.journal
            assert not server.requests

    asyncio.run(run())


def test_netrc_and_user_information_cannot_replace_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login eve password evil\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))

    async def run() -> None:
        async with http_server(OK) as server, rig(server.url) as it:
            await it.client.get("/list", {})
        async with http_server(OK) as other, rig("", base_url=other.url.replace("//", "//eve:evil@")) as it:
            await it.client.get("/list", {})
        for request in (*server.requests, *other.requests):
            assert request.headers["authorization"] == f"Bearer {KEY}"

    asyncio.run(run())


# The answer


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


def gzip_bomb(megabytes: int) -> bytes:
    """Gzip of so many MiB of zeros, made quickly: a full flush makes the blocks independent of each other."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    start = compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return start + block * (megabytes - 1)


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


# The failures


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


# TLS and HTTP/2


def test_a_certificate_of_the_ca_file_is_trusted_and_http_2_spoken(ca: trustme.CA, ca_file: Path) -> None:
    date = formatdate(START // SECOND, usegmt=True)
    body = gzip.compress(b"[1]")
    reply = H2Answer(body=body, headers={"date": date, "content-encoding": "gzip"})

    async def run() -> None:
        async with http2_server(reply, tls=tls(ca)) as server, rig(server.url, ca_file=ca_file) as it:
            response = await it.client.get("/list", {"limit": 2})
        assert response == Response(b"[1]", START, SECOND // 2)
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert server.requests[0].target == "/v1/list?limit=2"

    asyncio.run(run())


def test_http_1_1_is_spoken_over_tls_if_the_server_knows_no_other(ca: trustme.CA, ca_file: Path) -> None:
    async def run() -> None:
        async with http_server(OK, tls=tls(ca)) as server, rig(server.url, ca_file=ca_file) as it:
            assert (await it.client.get("/list", {})).body == b"[]"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("names", "trusted", "said"),
    [
        (["127.0.0.1"], False, "unable to get local issuer certificate"),
        (["other.example"], True, "IP address mismatch"),
    ],
)
def test_an_untrusted_certificate_fails_and_no_request_is_sent(
    ca: trustme.CA, ca_file: Path, names: list[str], trusted: bool, said: str
) -> None:
    async def run() -> None:
        options: dict[str, Any] = {"ca_file": ca_file} if trusted else {}
        async with http_server(OK, tls=tls(ca, *names)) as server, rig(server.url, max_attempts=1, **options) as it:
            with pytest.raises(ApiError, match=r"certificate verification failed for 127\.0\.0\.1:") as caught:
                await it.client.get("/list", {})
            assert caught.value.reason is FailureReason.CONNECTION
            assert said in str(caught.value)
            assert not server.requests

    asyncio.run(run())


def test_https_to_a_server_without_tls_is_a_connection_failure() -> None:
    async def run() -> None:
        async with http_server(OK) as server, rig(server.url.replace("http", "https"), max_attempts=1) as it:
            with pytest.raises(ApiError, match=r"could not connect to .*: .*(wrong version|record layer)") as caught:
                await it.client.get("/list", {})
            assert caught.value.reason is FailureReason.CONNECTION

    asyncio.run(run())


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_ca_file_is_refused_at_once(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    async def run() -> None:
        async with rig("https://x", ca_file=path):
            pass

    with pytest.raises(ValueError, match=r"ca_file .*ca\.pem must be readable and hold PEM certificates"):
        asyncio.run(run())


@pytest.mark.parametrize(
    "broken",
    [
        H2Answer(reset=True),
        H2Answer(headers={"content-length": "9"}),
        H2Answer(body=b"x" * 60_000, headers={"content-length": "60001"}),  # noticed after the headers were read
    ],
)
def test_a_broken_http_2_answer_is_a_connection_failure(ca: trustme.CA, ca_file: Path, broken: H2Answer) -> None:
    async def run() -> None:
        async with (
            http2_server(broken, tls=tls(ca)) as server,
            rig(server.url, ca_file=ca_file, max_attempts=1) as it,
        ):
            with pytest.raises(ApiError) as caught:
                await it.client.get("/list", {})
            assert caught.value.reason is FailureReason.CONNECTION

    asyncio.run(run())


def test_after_a_timeout_http_2_is_tried_on_a_new_connection(ca: trustme.CA, ca_file: Path) -> None:
    async def run() -> None:
        async with (
            http2_server(H2Answer(), None, H2Answer(), tls=tls(ca)) as server,
            rig(server.url, ca_file=ca_file, timeout=3 * IMPATIENT) as it,
        ):
            await it.client.get("/list", {})
            await it.client.get("/list", {})
            assert it.codes == ["200", "error", "200"]
            assert server.connections == 2

    asyncio.run(run())


def test_a_proxy_of_the_environment_tunnels_and_sees_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with http_server(answer(407, b"")) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            async with rig("https://api.example", max_attempts=1) as it:
                with pytest.raises(ApiError, match=r"the proxy on the way to api\.example failed: 407") as caught:
                    await it.client.get("/list", {})
        assert caught.value.reason is FailureReason.CONNECTION
        assert [request.method for request in proxy.requests] == ["CONNECT"]
        assert KEY not in str(proxy.requests)

    asyncio.run(run())


# Retries


@pytest.mark.parametrize("first", [answer(503), answer(500), answer(429), answer(408), reset])
def test_what_may_pass_is_tried_again_after_a_jittered_wait(first: Answer) -> None:
    outcome, server, it = fetch(first, first, OK)
    assert isinstance(outcome, Response)
    assert len(server.requests) == len(it.journal) == len(it.codes) == 3
    assert it.codes[-1] == "200"
    assert [0 < wait <= limit for wait, limit in zip(it.clock.slept, (1, 2), strict=True)] == [True, True]


def test_a_timeout_is_tried_again() -> None:
    outcome, _, it = fetch(silence, OK, timeout=IMPATIENT, random=Random(4))
    assert isinstance(outcome, Response)
    assert it.codes == ["error", "200"]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422, 302, 204])
def test_what_will_not_pass_is_not_tried_again(status: int) -> None:
    outcome, server, it = fetch(answer(status, b""))
    assert isinstance(outcome, ApiError)
    assert len(server.requests) == 1
    assert it.codes == [str(status)]


def test_the_last_failure_is_raised_when_the_attempts_are_used_up() -> None:
    outcome, server, it = fetch(answer(500), answer(502), answer(503), OK, max_attempts=3)
    assert isinstance(outcome, ApiError)
    assert outcome.status == 503
    assert it.codes == ["500", "502", "503"]
    assert len(server.requests) == 3


def test_retry_after_seconds_are_waited() -> None:
    _, _, it = fetch(answer(429, retry_after="17"), OK)
    assert it.clock.slept == [17.0]


def test_a_retry_after_date_is_measured_by_the_servers_clock() -> None:
    there = START // SECOND + 86_400
    dates = {"date": formatdate(there, usegmt=True), "retry_after": formatdate(there + 9, usegmt=True)}
    _, _, it = fetch(answer(503, b"", **dates), OK)
    assert it.clock.slept == [9.0]


def test_a_retry_after_date_without_date_is_measured_by_ours() -> None:
    _, _, it = fetch(answer(503, retry_after=formatdate(START // SECOND + 9, usegmt=True)), OK)
    assert it.clock.slept == [9.0]


@pytest.mark.parametrize(("timeout", "asked"), [(10.0, "31"), (1000.0, "301")])
def test_a_retry_after_too_long_to_wait_for_is_left_to_the_caller(timeout: float, asked: str) -> None:
    outcome, server, it = fetch(answer(429, retry_after=asked), OK, timeout=timeout)
    assert isinstance(outcome, ApiError)
    assert outcome.reason is FailureReason.RATE_LIMITED
    assert outcome.retry_after == float(asked)
    assert it.clock.slept == []
    assert len(server.requests) == 1


def test_no_retry_starts_that_could_end_after_four_timeouts() -> None:
    outcome, _, it = fetch(answer(503, retry_after="14"), timeout=10.0, max_attempts=9)
    assert isinstance(outcome, ApiError)
    assert it.clock.slept == [14.0, 14.0]
    assert it.codes == ["503"] * 3


# The budget


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


# The key


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


def test_the_key_is_read_once() -> None:
    async def run() -> None:
        secret = Secret(KEY)
        async with http_server(OK) as server, rig(server.url, read_key=secret) as it:
            assert secret.reads == 0
            await it.client.get("/list", {})
            await it.client.get("/list", {})
        assert secret.reads == 1

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
