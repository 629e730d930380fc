"""The endpoints and the server that offers them, over real sockets."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from exporter.web.address import Address, bind, parse_address
from exporter.web.app import create_app
from exporter.web.limits import Limits
from exporter.web.negotiation import accepts_gzip
from exporter.web.server import WebServer
from exporter.web.state import ExporterState, Scrape


@dataclass
class FakeBackend:
    """Answers as told, and records the scrapes."""

    ready_reason: str | None = None
    health_problem: str | None = None
    reload_problem: str | None = None
    reloads: int = 0
    scrapes: list[tuple[str, bool]] = field(default_factory=list)
    health_entered: asyncio.Event = field(default_factory=asyncio.Event)
    health_gate: asyncio.Event | None = None
    scrape_error: Exception | None = None

    def state(self) -> ExporterState:
        return ExporterState("1.2.3", "abc", 0, 1_000_000, (), True, None, "ledger.db")

    def ready(self) -> str | None:
        return self.ready_reason

    async def healthy(self) -> str | None:
        self.health_entered.set()
        if self.health_gate is not None:
            await self.health_gate.wait()
        return self.health_problem

    async def reload(self) -> str | None:
        self.reloads += 1
        return self.reload_problem

    def config_text(self) -> str:
        return "poll:\n  interval: 60s\n"

    def scrape(self, accept: str, gzip: bool) -> Scrape:
        if self.scrape_error is not None:
            raise self.scrape_error
        self.scrapes.append((accept, gzip))
        return Scrape(b"zip" if gzip else b"text", "text/plain; version=0.0.4", "gzip" if gzip else None)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def fetch(port: int, target: str, *headers: str, method: str = "GET", host: str = "127.0.0.1") -> Answer:
    """Send one request exactly as written and read the answer to its end."""
    reader, writer = await asyncio.open_connection(host, port)
    lines = [f"{method} {target} HTTP/1.1", "Host: exporter", "Connection: close", *headers, "", ""]
    writer.write("\r\n".join(lines).encode())
    try:
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.transport.abort()
    if not head:
        raise ConnectionResetError("closed without an answer")
    status, *fields = head.decode("latin-1").split("\r\n")
    return Answer(int(status.split()[1]), dict(line.split(": ", 1) for line in fields), body)


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


# Endpoints


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


# Addresses


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":9877", Address("", 9877)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("0.0.0.0:65535", Address("0.0.0.0", 65535)),
        ("[::1]:9877", Address("::1", 9877)),
        ("[0:0::1]:80", Address("::1", 80)),
        ("localhost:9877", Address("localhost", 9877)),
        ("exporter-0.example_x.org:1", Address("exporter-0.example_x.org", 1)),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it has no port"),
        ("9877", "it has no port"),
        ("localhost", "it has no port"),
        (":", "port '' is not a number from 0 to 65535"),
        ("localhost:http", "port 'http' is not a number from 0 to 65535"),
        (":65536", "port '65536' is not a number from 0 to 65535"),
        (":-1", "port '-1' is not a number from 0 to 65535"),
        (": 80", "port ' 80' is not a number from 0 to 65535"),
        (":٣", "port '٣' is not a number from 0 to 65535"),
        (":" + "9" * 5000, "is not a number from 0 to 65535"),
        ("::1:9877", "an IPv6 address needs brackets"),
        ("[::g]:9877", "[::g] is not an IPv6 address"),
        ("[127.0.0.1]:9877", "[127.0.0.1] is not an IPv6 address"),
        ("256.0.0.1:9877", "256.0.0.1 is not an IPv4 address"),
        ("1:80", "1 is not an IPv4 address"),
        ("http://localhost:9877", "an IPv6 address needs brackets"),
        ("two words:9877", "'two words' is not a host name"),
        ("-x:9877", "'-x' is not a host name"),
    ],
)
def test_bad_addresses_are_explained(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)) as error:
        parse_address(text)
    assert str(error.value).startswith(f"bad listen address {text!r}: ")
    assert str(error.value).endswith(
        'want HOST:PORT, for example ":9877" (all interfaces), "127.0.0.1:9877" or "[::1]:9877"'
    )


def test_a_bad_address_is_refused_before_anything_is_bound() -> None:
    with pytest.raises(ValueError, match="it has no port"):
        WebServer(create_app(FakeBackend()), ["127.0.0.1:0", "nonsense"], Limits())


def test_small_answers_are_not_held_back() -> None:
    with asyncio.run(bind(Address("127.0.0.1", 0))) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


needs_ipv6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")


@pytest.mark.parametrize(
    ("listen", "reached_at"),
    [
        ("127.0.0.1:0", ["127.0.0.1"]),
        ("localhost:0", ["127.0.0.1"]),
        pytest.param("[::1]:0", ["::1"], marks=needs_ipv6),
        pytest.param(":0", ["127.0.0.1", "::1"], marks=needs_ipv6),
    ],
)
def test_an_address_can_be_reached(listen: str, reached_at: list[str]) -> None:
    async def main() -> None:
        server = WebServer(create_app(FakeBackend()), [listen], Limits())
        await server.start()
        for host in reached_at:
            assert (await fetch(server.ports[0], "/-/ready", host=host)).body == b"Ready.\n"
        await server.stop(grace=1)

    asyncio.run(asyncio.wait_for(main(), 20))


def test_several_addresses_are_served_and_signals_left_alone() -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    async def main() -> None:
        server = WebServer(create_app(FakeBackend()), ["127.0.0.1:0", "127.0.0.1:0"], Limits())
        await server.start()
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
        assert len(set(server.ports)) == 2
        for port in server.ports:
            assert (await fetch(port, "/metrics")).status == 200
        await server.stop(grace=1)

    # No runner of asyncio.run(), which sets a SIGINT handler of its own.
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(asyncio.wait_for(main(), 20))
    finally:
        loop.close()


def test_a_port_in_use_is_named_and_nothing_is_left_bound() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as taken:
            first, second = (f"127.0.0.1:{sock.getsockname()[1]}" for sock in (free, taken))
            free.close()
            server = WebServer(create_app(FakeBackend()), [first, second], Limits())
            with pytest.raises(OSError, match="already in use") as error:
                await server.start()
            assert str(error.value).startswith(f"cannot listen on {second}: ")
            with pytest.raises(ConnectionRefusedError):
                await fetch(int(first.partition(":")[2]), "/")
            await server.stop(grace=1)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("listen", "message"),
    [
        ("192.0.2.1:0", "cannot listen on 192.0.2.1:0: no network interface of this machine has that address"),
        ("no-such-host.invalid:0", "cannot listen on no-such-host.invalid:0: the host name cannot be resolved"),
    ],
)
def test_an_address_that_is_not_ours_is_explained(listen: str, message: str) -> None:
    server = WebServer(create_app(FakeBackend()), [listen], Limits())
    with pytest.raises(OSError, match=message):
        asyncio.run(server.start())


# Stopping


def with_a_request_in_flight(
    trial: Callable[[WebServer, asyncio.Task[Answer], asyncio.Event], Awaitable[None]],
) -> None:
    async def main() -> None:
        gate = asyncio.Event()
        backend = FakeBackend(health_gate=gate)
        server = WebServer(create_app(backend, health_timeout=60), ["127.0.0.1:0"], Limits())
        await server.start()
        request = asyncio.create_task(fetch(server.ports[0], "/-/healthy"))
        async with asyncio.timeout(20):
            await backend.health_entered.wait()
            await trial(server, request, gate)

    asyncio.run(main())


def test_stopping_lets_a_request_in_flight_end_and_takes_no_more() -> None:
    async def trial(server: WebServer, request: asyncio.Task[Answer], gate: asyncio.Event) -> None:
        stopping = asyncio.create_task(server.stop(grace=15))
        while await accepts(server.ports[0]):
            await asyncio.sleep(0)
        assert not stopping.done()
        gate.set()
        assert (await request).body == b"Healthy.\n"
        await stopping

    with_a_request_in_flight(trial)


def test_stopping_cuts_what_outlasts_the_grace(caplog: pytest.LogCaptureFixture) -> None:
    async def trial(server: WebServer, request: asyncio.Task[Answer], gate: asyncio.Event) -> None:
        started = asyncio.get_running_loop().time()
        await server.stop(grace=0.1)
        assert asyncio.get_running_loop().time() - started < 1
        with pytest.raises(ConnectionResetError):
            await request
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with_a_request_in_flight(trial)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_stopping_closes_idle_connections_at_once() -> None:
    async def main() -> None:
        server = WebServer(create_app(FakeBackend()), ["127.0.0.1:0"], Limits())
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
        writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        await server.stop(grace=15)
        assert await reader.read() == b"text"
        writer.close()
        await server.stop(grace=15)

    asyncio.run(asyncio.wait_for(main(), 5))


async def accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:  # refused, or reset if it was still in the listener's queue
        return False
    writer.transport.abort()
    return True
