"""Every way in which an answer is spoilt between the stand-in and the exporter, and what must be said of each."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

from exporter.models import FailureReason
from tests.proof.proxy import Fault, Front, Reply, Wire, silent

PATIENCE = 0.8
"""Seconds: the exporter's timeout, which what is slow is measured by."""

ELSEWHERE = b"http://localhost:9/v1/"
"""Where redirects lead: another host by name, should it be asked."""

_MIB = 1 << 20
_SIGN_IN = b"<!doctype html><title>Sign in</title><form><input name=password type=password></form>"


@dataclass(frozen=True, slots=True)
class Affliction:
    """A fault, and why a poll fails that meets nothing else; None: it does not."""

    name: str
    reason: FailureReason | None
    fault: Fault


@dataclass(frozen=True, slots=True)
class Threshold:
    """A fault of the connection as a whole, before anything is asked; the same meaning of ``reason``."""

    name: str
    reason: FailureReason
    front: Front


def afflictions(random: Random) -> list[Affliction]:
    """Return every fault of an answer; where and how exactly it strikes is drawn from ``random``."""
    _blanks(), _dense()  # now, not while the exporter waits for them
    connection, timeout = FailureReason.CONNECTION, FailureReason.TIMEOUT
    bad_body, too_large = FailureReason.BAD_BODY, FailureReason.TOO_LARGE
    faults: list[tuple[str, FailureReason | None, Fault]] = [
        ("silence", timeout, silent),
        ("reset instead of an answer", connection, _cut(lambda reply: 0, reply_as_it_is, reset=True)),
        ("close instead of an answer", connection, _cut(lambda reply: 0, reply_as_it_is, reset=False)),
        ("drip that outlasts the timeout", timeout, _drip(2 * PATIENCE)),
        ("drip that does not", None, _drip(PATIENCE / 10)),
        ("body cut, length announced anew", bad_body, _resized(shorter=True)),
        ("body cut, end told by closing", bad_body, _until_closed(random)),
        ("a byte of the compressed body changed", bad_body, _corrupt(random)),
        ("gzip bomb", too_large, _bomb),
        ("bomb of empty rows", too_large, _empty_rows),
        ("more than is read", too_large, _altered(lambda reply: reply.carrying(b"[" + b" " * 21 * _MIB))),
        ("HTML with 200", bad_body, _altered(lambda reply: reply.carrying(_SIGN_IN, b"text/html"))),
        ("nothing with 200", bad_body, _altered(lambda reply: reply.carrying(b""))),
        ("an error with 200", bad_body, _altered(lambda reply: reply.carrying(b'{"error":"try again"}'))),
        ("another encoding", bad_body, _altered(lambda reply: reply.having(content_encoding=b"br"))),
        ("redirect to itself", FailureReason.REDIRECT, _redirect(302, b"?again")),
        ("HTTP/1.0", None, _old),
        ("chunks", None, _altered(lambda reply: reply.chunked())),
        ("a bad chunk", connection, _bad_chunk),
        ("a chunk that is huge", connection, _huge_chunk),
        ("headers given twice", None, _altered(_twice)),
        ("two lengths", connection, _altered(lambda reply: _with(reply, (b"content-length", b"7")))),
        ("length and chunks", connection, _length_and_chunks),
        ("length too small", bad_body, _resized(shorter=False)),
        ("length too large", connection, _too_long),
        ("length that is no number", connection, _altered(lambda reply: reply.having(content_length=b"-1"))),
        ("answered twice", None, _altered(lambda reply: Reply(reply.status, reply.headers, reply.body + reply.raw))),
        ("some 1xx", None, _informed(20)),
        ("endless 1xx", timeout, _endless_informed),
        ("a header of 64 KiB", None, _altered(lambda reply: reply.having(x_huge=b"x" * 65_536))),
        ("a header of 1 MiB", connection, _altered(lambda reply: reply.having(x_huge=b"x" * _MIB))),
        ("endless headers", connection, _endless_headers),
        ("bytes that are no HTTP", connection, _altered(lambda reply: reply.having(b"\x00\xff HTTP?"))),
    ]
    for place, where in _PLACES.items():
        for ending in ("reset", "close"):
            cut = _cut(_drawn(where, random), reply_as_it_is, reset=ending == "reset")
            faults.append((f"{ending} {place}", connection, cut))
    for ending in ("reset", "close"):
        cut = _cut(_drawn(_in_body, random), Reply.chunked, reset=ending == "reset")
        faults.append((f"{ending} within chunks", connection, cut))
    faults += [
        (f"redirect {status} elsewhere", FailureReason.REDIRECT, _redirect(status)) for status in (301, 302, 307, 308)
    ]
    faults += [(f"status {status}", reason, _status(status)) for status, reason in _STATUSES.items()]
    return [Affliction(name, reason, _named(fault, name)) for name, reason, fault in faults]


def thresholds() -> list[Threshold]:
    """Return every fault of a connection, but for its being refused."""

    async def at_once(wire: Wire) -> bool:
        wire.reset()
        return False

    async def after_first_byte(wire: Wire) -> bool:
        await wire.reader.readexactly(1)
        wire.reset()
        return False

    async def closed(wire: Wire) -> bool:
        return False

    async def asleep(wire: Wire) -> bool:
        await asyncio.Event().wait()
        return False

    return [
        Threshold("reset at once", FailureReason.CONNECTION, at_once),
        Threshold("reset after the first byte", FailureReason.CONNECTION, after_first_byte),
        Threshold("closed at once", FailureReason.CONNECTION, closed),
        Threshold("never listened to", FailureReason.TIMEOUT, asleep),
    ]


def reply_as_it_is(reply: Reply) -> Reply:
    """Change nothing."""
    return reply


_STATUSES = {
    401: FailureReason.AUTH,
    404: FailureReason.CLIENT_ERROR,
    429: FailureReason.RATE_LIMITED,
    500: FailureReason.SERVER_ERROR,
    502: FailureReason.SERVER_ERROR,
}

_PLACES: dict[str, Callable[[Reply, Random], int]] = {
    "within the status line": lambda reply, random: random.randrange(1, len(reply.status)),
    "after the status line": lambda reply, random: len(reply.status) + 2,
    "within the headers": lambda reply, random: random.randrange(len(reply.status) + 3, len(reply.head) - 1),
    "after the headers": lambda reply, random: len(reply.head),
    "within the body": lambda reply, random: _in_body(reply, random),
    "before the last byte": lambda reply, random: len(reply.raw) - 1,
}


def _in_body(reply: Reply, random: Random) -> int:
    return len(reply.head) + random.randrange(max(1, len(reply.body)))


def _drawn(where: Callable[[Reply, Random], int], random: Random) -> Callable[[Reply], int]:
    return lambda reply: where(reply, random)


def _named(fault: Fault, name: str) -> Fault:
    async def strike(reply: Reply, wire: Wire) -> None:
        await fault(reply, wire)

    strike.__name__ = name
    return strike


def _with(reply: Reply, *headers: tuple[bytes, bytes]) -> Reply:
    return Reply(reply.status, (*reply.headers, *headers), reply.body)


def _twice(reply: Reply) -> Reply:
    # A body encoded twice is one that is packed twice.
    return _with(reply, *(header for header in reply.headers if header[0] != b"content-encoding"))


def _altered(alter: Callable[[Reply], Reply]) -> Fault:
    async def strike(reply: Reply, wire: Wire) -> None:
        await wire.send(alter(reply).raw)

    return strike


def _cut(where: Callable[[Reply], int], form: Callable[[Reply], Reply], *, reset: bool) -> Fault:
    async def strike(reply: Reply, wire: Wire) -> None:
        formed = form(reply)
        await wire.send(formed.raw[: where(formed)])
        if reset:
            wire.reset()
        else:
            wire.close()

    return strike


def _drip(seconds: float) -> Fault:
    async def strike(reply: Reply, wire: Wire) -> None:
        size = max(1, len(reply.raw) // 50)
        await wire.drip(reply.raw, seconds / 50, size)

    return strike


def _resized(*, shorter: bool) -> Fault:
    """Announce nine bytes less than there are, and send them all or not."""

    async def strike(reply: Reply, wire: Wire) -> None:
        length = max(0, len(reply.body) - 9)
        told = reply.having(content_length=str(length).encode())
        await wire.send(told.raw[: len(told.head) + length] if shorter else told.raw)
        wire.close()

    return strike


def _until_closed(random: Random) -> Fault:
    async def strike(reply: Reply, wire: Wire) -> None:
        told = reply.having(content_length=None, connection=b"close")
        await wire.send(told.raw[: _in_body(told, random)])
        wire.close()

    return strike


def _corrupt(random: Random) -> Fault:
    async def strike(reply: Reply, wire: Wire) -> None:
        # Of the compressed data or its checksum. Of plain JSON nobody can tell: that is what TLS is for.
        packed = bytearray(reply.body if b"gzip" in dict(reply.headers).values() else gzip.compress(reply.body))
        packed[random.randrange(10, len(packed))] ^= 1 << random.randrange(8)
        await wire.send(reply.carrying(bytes(packed)).having(content_encoding=b"gzip").raw)

    return strike


async def _bomb(reply: Reply, wire: Wire) -> None:
    await wire.send(_packed(reply, _blanks()).raw)


async def _empty_rows(reply: Reply, wire: Wire) -> None:
    await wire.send(_packed(reply, _dense()).raw)


def _packed(reply: Reply, body: bytes) -> Reply:
    return reply.carrying(body).having(content_encoding=b"gzip")


@cache
def _blanks() -> bytes:
    return gzip.compress(b"[" + b" " * 64 * _MIB, 1)


@cache
def _dense() -> bytes:
    """An array that would take up 100 times its size, just below the limit of a body."""
    return gzip.compress(b"[" + b"{}," * (19 * _MIB // 3) + b"{}]", 1)


def _redirect(status: int, to: bytes = b"") -> Fault:
    return _altered(
        lambda reply: reply.carrying(b"").having(b"HTTP/1.1 %d Moved" % status, location=to or ELSEWHERE + b"stolen")
    )


def _status(status: int) -> Fault:
    return _altered(lambda reply: reply.carrying(b"<p>no", b"text/html").having(b"HTTP/1.1 %d No" % status))


async def _old(reply: Reply, wire: Wire) -> None:
    await wire.send(reply.having(b"HTTP/1.0 200 OK", content_length=None).raw)
    wire.close()


async def _bad_chunk(reply: Reply, wire: Wire) -> None:
    await wire.send(reply.chunked().head + b"zz\r\n" + reply.body + b"\r\n0\r\n\r\n")


async def _length_and_chunks(reply: Reply, wire: Wire) -> None:
    await wire.send(_with(reply, (b"transfer-encoding", b"chunked")).raw)
    wire.close()


async def _huge_chunk(reply: Reply, wire: Wire) -> None:
    await wire.send(reply.chunked().head + b"f" * 15 + b"\r\n" + reply.body)
    wire.close()


async def _too_long(reply: Reply, wire: Wire) -> None:
    await wire.send(reply.having(content_length=b"%d" % (len(reply.body) + 1)).raw)
    wire.close()


def _informed(times: int) -> Fault:
    return _altered(lambda reply: reply.having(b"HTTP/1.1 103 Early Hints\r\n\r\n" * times + reply.status))


async def _endless_informed(reply: Reply, wire: Wire) -> None:
    while True:
        await wire.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10)
        await asyncio.sleep(0.005)


async def _endless_headers(reply: Reply, wire: Wire) -> None:
    await wire.send(reply.status + b"\r\n")
    while True:
        await wire.send(b"x-more: and more\r\n" * 100)
