"""What the client asks for: the address, the parameters, and the headers with the key."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from exporter.api.errors import ApiError
from exporter.models import FailureReason
from tests.clients import KEY, OK, rig
from tests.servers import http_server


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
