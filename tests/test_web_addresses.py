"""Where the server listens: addresses as they are written, bound and reached, and why one is refused."""

from __future__ import annotations

import asyncio
import re
import signal
import socket

import pytest

from exporter.web.address import Address, bind, parse_address
from exporter.web.app import create_app
from exporter.web.limits import Limits
from exporter.web.server import WebServer
from tests.backends import FakeBackend, fetch


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
