"""TLS and what is spoken over it: certificates, HTTP/2, and tunnels through a proxy."""

from __future__ import annotations

import asyncio
import gzip
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import trustme

from exporter.api.client import Response
from exporter.api.errors import ApiError
from exporter.models import SECOND, FailureReason
from tests.clients import IMPATIENT, KEY, OK, rig, tls
from tests.clocks import START
from tests.servers import H2Answer, answer, http2_server, http_server


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
