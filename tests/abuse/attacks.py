"""What attackers do, as one client each: a siege runs many of them at a time, each again and again."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final

from tests.abuse import shapes
from tests.abuse.shapes import Shape
from tests.abuse.wire import CLOSED, UNANSWERED, connected

Act = Callable[[int], Awaitable[str]]
"""Do it once, to the given port, and return what came of it in a word."""

DRIP_SECONDS: Final = 1.0
"""Between two drops of those who send slowly."""

USER: Final = "prometheus"
"""Whose password is guessed."""

PATIENCE_SECONDS: Final = 60.0
"""How long an attacker waits for one answer."""

SMALL_BUFFER: Final = 4096
"""The receive buffer of one who does not read (bytes)."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One kind of abuse. ``clients`` is how many there are at full size, ``few`` in a test that has little time."""

    title: str
    limit: str
    clients: int
    act: Act
    few: int = 10
    pause: float = 0.0
    """What each client waits for before it does it again (s)."""
    secure: bool = False
    """Whether it is for a server with TLS and passwords."""


async def _silent(port: int) -> str:
    """Connect and say nothing."""
    async with connected(port) as wire:
        await wire.rest()
    return CLOSED


def _drip(start: bytes) -> Act:
    """Begin a request, then send a byte a second."""

    async def act(port: int) -> str:
        async with connected(port) as wire:
            await wire.send(start)
            ended = asyncio.create_task(wire.rest())
            while not ended.done() and await wire.send(b"x"):
                await asyncio.wait({ended}, timeout=DRIP_SECONDS)
            await ended
        return CLOSED

    return act


async def _idle(port: int) -> str:
    """Ask once, keep the connection open."""
    async with connected(port) as wire:
        await wire.send(_GET_HEALTH)
        status = await wire.answer()
        await wire.rest()
    return status


async def _unread(port: int) -> str:
    """Ask for as much as may be asked for at a time, and read none of it."""
    async with connected(port, receive_buffer=SMALL_BUFFER) as wire:
        await wire.send(_GET_METRICS * 8)
        while await wire.send(b""):
            await asyncio.sleep(DRIP_SECONDS)
    return CLOSED


async def _scrape(port: int) -> str:
    """Scrape on one connection, three times in a row."""
    async with connected(port) as wire:
        for _ in range(3):
            await wire.send(_GET_METRICS)
            status = await wire.answer()
    return status


async def _head(port: int) -> str:
    """Ask for no body, a hundred times on one connection."""
    async with connected(port) as wire:
        wire.bodiless = True
        for _ in range(100):
            await wire.send(b"HEAD /metrics HTTP/1.1\r\nHost: exporter\r\n\r\n")
            status = await wire.answer()
    return status


async def _pipelined(port: int) -> str:
    """Ask for a thousand answers at once."""
    async with connected(port) as wire:
        await wire.send(_GET_METRICS * 1000)
        status = await wire.answer()
        await wire.rest()
    return status


async def _reload(port: int) -> str:
    """Have the configuration reloaded."""
    async with connected(port) as wire:
        await wire.send(b"POST /-/reload HTTP/1.1\r\nHost: exporter\r\nContent-Length: 0\r\n\r\n")
        return await wire.answer()


async def _churn(port: int) -> str:
    """Connect, and hang up."""
    async with connected(port):
        return "connected"


async def _handshake(port: int) -> str:
    """Shake hands, and hang up."""
    async with connected(port, tls=True):
        return "handshake"


async def _guess(port: int) -> str:
    """Try a wrong password, another one each time."""
    guess = base64.b64encode(f"{USER}:{secrets.token_hex(8)}".encode()).decode("ascii")
    async with connected(port, tls=True) as wire:
        await wire.send(f"GET /metrics HTTP/1.1\r\nHost: exporter\r\nAuthorization: Basic {guess}\r\n\r\n".encode())
        return await wire.answer()


async def _plain(port: int) -> str:
    """Speak plain HTTP to TLS."""
    async with connected(port) as wire:
        await wire.send(_GET_METRICS)
        return await wire.answer()


async def send(shape: Shape, port: int) -> str:
    """Send a shape on a connection of its own; return the status of the first answer."""
    async with connected(port) as wire:
        wire.bodiless = shape.data.startswith(b"HEAD ")
        await wire.send(shape.data)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await wire.answer()
        except TimeoutError:
            return UNANSWERED


def _in_turn(found: Sequence[Shape]) -> Act:
    """Send one shape after the other."""
    turns: Iterator[Shape] = cycle(found)

    async def act(port: int) -> str:
        return await send(next(turns), port)

    return act


_GET_HEALTH: Final = b"GET /-/healthy HTTP/1.1\r\nHost: exporter\r\n\r\n"
_GET_METRICS: Final = b"GET /metrics HTTP/1.1\r\nHost: exporter\r\n\r\n"
_POST: Final = b"POST /-/healthy HTTP/1.1\r\nHost: exporter\r\nContent-Length: 60000\r\n\r\n"

ATTACKS: Final[Mapping[str, Attack]] = {
    "silent-sockets": Attack(
        "1,000 sockets that say nothing", "connections, header time", 1000, _silent, few=600, pause=0.5
    ),
    "dripped-headers": Attack(
        "1,000 slow-loris clients: a byte of a header each second",
        "connections, header time",
        1000,
        _drip(b"GET /metrics HTTP/1.1\r\nX: "),
        few=600,
        pause=0.5,
    ),
    "dripped-bodies": Attack(
        "1,000 slow bodies: a byte each second", "connections, body time", 1000, _drip(_POST), few=600, pause=0.5
    ),
    "idle-sockets": Attack(
        "1,000 clients that ask once and keep the connection", "connections, idle time", 1000, _idle, few=600, pause=0.5
    ),
    "unread-answers": Attack(
        "500 clients that ask for 8 scrapes and read nothing",
        "connections, write time",
        500,
        _unread,
        few=500,
        pause=0.5,
    ),
    "scrapes": Attack("200 scrapers at once, without a pause", "none is needed", 200, _scrape),
    "head": Attack("50 clients with HEAD, without a pause", "none is needed", 50, _head),
    "pipelining": Attack("50 clients with 1,000 requests at once", "pipelined requests", 50, _pipelined),
    "reloads": Attack("20 clients that reload, without a pause", "one reload at a time", 20, _reload),
    "churn": Attack("50 clients that connect and hang up", "none is needed", 50, _churn),
    "headers": Attack("50 clients with oversized headers", "header bytes", 50, _in_turn(shapes.HEADERS)),
    "bodies": Attack("50 clients that announce 1 GiB", "body bytes", 50, _in_turn(shapes.BODIES)),
    "methods": Attack("50 clients with other methods", "GET, HEAD, POST, PUT", 50, _in_turn(shapes.METHODS)),
    "paths": Attack("50 clients with path tricks", "paths are compared, never decoded", 50, _in_turn(shapes.PATHS)),
    "garbage": Attack("50 clients that speak no HTTP", "HTTP/1.1", 50, _in_turn(shapes.GARBAGE)),
    "http2": Attack("50 clients that want HTTP/2 or a WebSocket", "HTTP/1.1", 50, _in_turn(shapes.HTTP2)),
    "smuggling": Attack("50 clients that smuggle requests", "one length only", 50, _in_turn(shapes.SMUGGLING)),
    "negotiation": Attack(
        "50 clients with 15 KB of Accept, weights, ranges", "header bytes", 50, _in_turn(shapes.NEGOTIATION)
    ),
    "slow-handshakes": Attack(
        "1,000 slow-loris TLS handshakes: a byte each second",
        "connections, handshake time",
        1000,
        _drip(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03"),
        few=600,
        pause=0.5,
        secure=True,
    ),
    "handshakes": Attack("50 clients that only shake hands", "none is needed", 50, _handshake, secure=True),
    "guesses": Attack("50 clients that guess passwords", "tries, hashes at a time", 50, _guess, secure=True),
    "plain-http": Attack("50 clients that speak plain HTTP to TLS", "TLS only", 50, _plain, secure=True),
}
