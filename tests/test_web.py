"""The endpoints, over real sockets: what each answers, and to which methods and paths."""

from __future__ import annotations

import asyncio

import pytest

from exporter.web.app import create_app
from exporter.web.limits import Limits
from exporter.web.negotiation import accepts_gzip
from exporter.web.server import WebServer
from tests.backends import Answer, FakeBackend, fetch


def ask(
    target: str,
    *headers: str,
    method: str = "GET",
    backend: FakeBackend | None = None,
    telemetry_path: str = "/metrics",
    lifecycle: bool = False,
    health_timeout: float = 5.0,
) -> Answer:
    """Ask a running server one thing."""

    async def main() -> Answer:
        app = create_app(
            backend or FakeBackend(),
            telemetry_path=telemetry_path,
            lifecycle=lifecycle,
            health_timeout=health_timeout,
        )
        server = WebServer(app, ["127.0.0.1:0"], Limits())
        await server.start()
        try:
            return await fetch(server.ports[0], target, *headers, method=method)
        finally:
            await server.stop(grace=1)

    return asyncio.run(asyncio.wait_for(main(), 20))


def test_metrics_are_sent_as_the_backend_rendered_them() -> None:
    backend = FakeBackend()
    answer = ask("/metrics?name=x", "Accept: text/plain", "Accept: */*;q=0.1", backend=backend)
    assert (answer.status, answer.body) == (200, b"text")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4"
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    assert "content-encoding" not in answer.headers
    assert backend.scrapes == [("text/plain, */*;q=0.1", False)]


def test_metrics_are_compressed_when_asked_for() -> None:
    answer = ask("/metrics", "Accept-Encoding: deflate", "Accept-Encoding: gzip")
    assert (answer.headers["content-encoding"], answer.body) == ("gzip", b"zip")


def test_a_failing_scrape_is_an_error_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    answer = ask("/metrics", backend=FakeBackend(scrape_error=RuntimeError("secret detail")))
    assert answer.status == 500
    assert answer.body == b"Internal error: a bug in the exporter. Its log has the traceback.\n"
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("br", False),
        ("identity", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip; q=0.001", True),
        ("gzip ; Q = 0", False),
        ("*, gzip;q=0", False),
        ("*;q=0, gzip", True),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("gzip;q=0.5, identity", False),
        ("identity;q=0, *;q=0.1", True),
        ("gzip;q=nan", False),
        ("gzip;q=-1", False),
        ("gzip;q=1.5", False),
        ("gzip;q=", False),
        ("gzip;level=9", True),
        (",,gzip,", True),
        ("notgzip, gzipped", False),
    ],
)
def test_gzip_negotiation(accept_encoding: str, expected: bool) -> None:
    assert accepts_gzip(accept_encoding) is expected


@pytest.mark.parametrize("target", ["/", "/metrics", "/-/healthy", "/-/ready", "/config"])
def test_head_answers_as_get_does_but_without_a_body(target: str) -> None:
    get, head = ask(target), ask(target, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert {**head.headers, "date": ""} == {**get.headers, "date": ""}
    assert int(head.headers["content-length"]) == len(get.body)


@pytest.mark.parametrize("target", ["/", "/metrics", "/-/healthy", "/nowhere", "/-/reload"])
def test_every_answer_carries_the_defensive_headers(target: str) -> None:
    headers = ask(target).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert headers["server"] == "vlmrun-exporter"
    assert headers["date"].endswith(" GMT")


def test_healthy_tells_the_problem() -> None:
    assert ask("/-/healthy").body == b"Healthy.\n"
    answer = ask("/-/healthy", backend=FakeBackend(health_problem="the ledger is gone"))
    assert (answer.status, answer.body) == (503, b"the ledger is gone\n")


def test_a_health_check_that_hangs_has_failed() -> None:
    answer = ask("/-/healthy", backend=FakeBackend(health_gate=asyncio.Event()), health_timeout=0.05)
    assert (answer.status, answer.body) == (503, b"Not healthy: the ledger's lock was not free within 0.05 s.\n")


def test_ready_tells_why_not() -> None:
    assert ask("/-/ready").body == b"Ready.\n"
    answer = ask("/-/ready", backend=FakeBackend(ready_reason="first polls are missing:\n  default/requests"))
    assert (answer.status, answer.body) == (503, b"first polls are missing:\n  default/requests\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_config_is_yaml() -> None:
    answer = ask("/config")
    assert (answer.body, answer.headers["content-type"]) == (b"poll:\n  interval: 60s\n", "text/yaml; charset=utf-8")


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_reload(method: str) -> None:
    backend = FakeBackend()
    answer = ask("/-/reload", method=method, backend=backend, lifecycle=True)
    assert (answer.status, answer.body, backend.reloads) == (200, b"Configuration reloaded.\n", 1)


def test_a_failed_reload_is_an_error_with_its_message() -> None:
    backend = FakeBackend(reload_problem="config.yaml:3: unknown key 'pol'")
    answer = ask("/-/reload", method="POST", backend=backend, lifecycle=True)
    assert answer.status == 500
    assert answer.body == b"config.yaml:3: unknown key 'pol'\nThe old configuration stays in force.\n"


def test_reload_is_forbidden_unless_switched_on() -> None:
    backend = FakeBackend()
    answer = ask("/-/reload", method="POST", backend=backend)
    assert (answer.status, backend.reloads) == (403, 0)
    assert b"--web.enable-lifecycle" in answer.body


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("GET", "/-/reload", "POST, PUT"),
        ("HEAD", "/-/reload", "POST, PUT"),
        ("POST", "/metrics", "GET, HEAD"),
        ("PUT", "/", "GET, HEAD"),
        ("DELETE", "/metrics", "GET, HEAD, POST, PUT"),
        ("OPTIONS", "/", "GET, HEAD, POST, PUT"),
        ("TRACE", "/nowhere", "GET, HEAD, POST, PUT"),
        ("PATCH", "/-/reload", "GET, HEAD, POST, PUT"),
    ],
)
def test_other_methods_are_not_allowed(method: str, target: str, allowed: str) -> None:
    backend = FakeBackend()
    answer = ask(target, method=method, backend=backend, lifecycle=True)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    assert (backend.reloads, backend.scrapes) == (0, [])


@pytest.mark.parametrize(
    "target",
    [
        "/nowhere",
        "/favicon.ico",
        "/metrics/",
        "//metrics",
        "//",
        "/./metrics",
        "/-/../metrics",
        "/%6detrics",
        "/metrics%00",
        "/metrics%0a",
        "/%2e%2e/metrics",
        "/-%2fhealthy",
        "/METRICS",
        "/metrics;x",
        "/-/",
    ],
)
def test_other_paths_are_not_found(target: str) -> None:
    answer = ask(target)
    assert (answer.status, answer.body) == (404, b"Not found. The start page is /.\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_the_telemetry_path_can_be_moved() -> None:
    assert ask("/probe/v1", telemetry_path="/probe/v1").body == b"text"
    assert ask("/metrics", telemetry_path="/probe/v1").status == 404
    assert b'href="./probe/v1"' in ask("/", telemetry_path="/probe/v1").body


def test_metrics_may_take_the_place_of_the_landing_page() -> None:
    assert ask("/", telemetry_path="/").body == b"text"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("metrics", "want a path such as /metrics"),
        ("", "want a path such as /metrics"),
        ("/metrics/", "want a path such as /metrics"),
        ("//metrics", "want a path such as /metrics"),
        ("/a/../b", "want a path such as /metrics"),
        ("/met rics", "want a path such as /metrics"),
        ("/{name}", "want a path such as /metrics"),
        ("/m?x", "want a path such as /metrics"),
        ("/config", "it is taken"),
        ("/-/ready", "it is taken"),
    ],
)
def test_bad_telemetry_paths_are_refused(path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_app(FakeBackend(), telemetry_path=path)
