"""Requests that no scraper sends, and the answers that each of them may get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Shape:
    """Bytes on a fresh connection; the status of the first answer has to be one of ``answers``."""

    name: str
    data: bytes
    answers: tuple[str, ...]


def _request(method: str, target: str, *fields: str, body: bytes = b"") -> bytes:
    head = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: exporter", *fields])
    return head.encode("latin-1") + b"\r\n\r\n" + body


def _get(*fields: str) -> bytes:
    return _request("GET", "/metrics", *fields)


def _shapes(answers: tuple[str, ...], requests: dict[str, bytes]) -> tuple[Shape, ...]:
    return tuple(Shape(name, data, answers) for name, data in requests.items())


_SMUGGLED: Final = b"POST /-/reload HTTP/1.1\r\nHost: exporter\r\nContent-Length: 0\r\n\r\n"

HEADERS: Final = _shapes(
    ("431",),
    {
        "one header of 64 KiB": _get("X: " + "x" * 65536),
        "8,000 headers": _get(*["X: x"] * 8000),
        "a cookie of 1 MiB": _get("Cookie: " + "c" * 2**20),
        "a name of 64 KiB": _get("x" * 65536 + ": x"),
        "a target of 64 KiB": _request("GET", "/" + "a" * 65536),
    },
)

METHODS: Final = (
    *_shapes(
        ("405",),
        {
            method: _request(method, "/metrics")
            for method in ("DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "PURGE")
        },
    ),
    *_shapes(
        ("400",),
        {
            "CONNECT": _request("CONNECT", "metrics:80"),
            "an unknown method": _request("BREW", "/metrics"),
            "lower case": _request("get", "/metrics"),
            "a method of 10 KB": _request("G" * 10_000, "/metrics"),
        },
    ),
    Shape("POST where only GET is", _request("POST", "/metrics", "Content-Length: 0"), ("405",)),
    Shape("PUT where only GET is", _request("PUT", "/config", "Content-Length: 0"), ("405",)),
)

PATHS: Final = (
    *_shapes(
        ("404",),
        {
            "/../etc/passwd": _request("GET", "/../etc/passwd"),
            "//metrics": _request("GET", "//metrics"),
            "/metrics/": _request("GET", "/metrics/"),
            "/./metrics": _request("GET", "/./metrics"),
            "/-/../metrics": _request("GET", "/-/../metrics"),
            "/%2e%2e/metrics": _request("GET", "/%2e%2e/metrics"),
            "/%6detrics": _request("GET", "/%6detrics"),
            "/metrics%00": _request("GET", "/metrics%00"),
            "/metrics%0d%0aSet-Cookie:a=b": _request("GET", "/metrics%0d%0aSet-Cookie:a=b"),
            "/config;/metrics": _request("GET", "/config;/metrics"),
            "\\..\\config": _request("GET", "/..\\config"),
            "a path of 12 KB": _request("GET", "/" + "a/" * 6000),
            "/METRICS": _request("GET", "/METRICS"),
        },
    ),
    # RFC 9112, section 3.2.2: a server accepts the absolute form, whatever host it names.
    Shape("absolute form", _request("GET", "http://elsewhere.example/-/healthy"), ("200",)),
    Shape("absolute form, another path", _request("GET", "http://elsewhere.example/secrets"), ("404",)),
    Shape("a query", _request("GET", "/-/healthy?" + "a=b&" * 2000), ("200",)),
    Shape("asterisk form", _request("OPTIONS", "*"), ("400", "405")),
    Shape("no path", _request("GET", ""), ("400",)),
    Shape("a raw 0 byte", b"GET /\x00 HTTP/1.1\r\n\r\n", ("400",)),
    Shape("HTTP/0.9", b"GET /-/healthy\r\n\r\n", ("200", "400")),
)

GARBAGE: Final = _shapes(
    ("400",),
    {
        "0 bytes": bytes(100),
        "every byte": bytes(range(256)),
        "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "an SSH banner": b"SSH-2.0-OpenSSH_9.9\r\n",
        "a Redis command": b"*1\r\n$8\r\nFLUSHALL\r\n",
        "no colon": b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "a space before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "a folded header": b"GET / HTTP/1.1\r\n folded\r\n\r\n",
        "HTTP/9.9": b"GET / HTTP/9.9\r\n\r\n",
        "a control character in a header": b"GET / HTTP/1.1\r\nX: \x01\x1b[2J\r\n\r\n",
    },
)

HTTP2: Final = _shapes(
    ("400",),
    {
        "the preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "the preface and frames": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" * 1000,
    },
) + _shapes(
    ("200",),
    {
        "an upgrade to h2c": _request(
            "GET", "/-/healthy", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"
        ),
        "an upgrade to a WebSocket": _request(
            "GET",
            "/-/healthy",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        ),
    },
)

SMUGGLING: Final = _shapes(
    ("400",),
    {
        "CL and TE": _request(
            "POST", "/-/reload", "Content-Length: 4", "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + _SMUGGLED
        ),
        "TE and CL": _request(
            "POST", "/-/reload", "Transfer-Encoding: chunked", "Content-Length: 4", body=b"0\r\n\r\n" + _SMUGGLED
        ),
        "two lengths": _request("POST", "/-/reload", "Content-Length: 0", "Content-Length: 9", body=_SMUGGLED),
        "a list of lengths": _request("POST", "/-/reload", "Content-Length: 0, 9", body=_SMUGGLED),
        "a signed length": _request("POST", "/-/reload", "Content-Length: +0", body=_SMUGGLED),
        "a negative length": _request("POST", "/-/reload", "Content-Length: -1", body=_SMUGGLED),
        "a hexadecimal length": _request("POST", "/-/reload", "Content-Length: 0x9", body=_SMUGGLED),
        "a length beyond 64 bits": _request("POST", "/-/reload", "Content-Length: 18446744073709551617"),
        "a chunk that is no number": _request("POST", "/-/healthy", "Transfer-Encoding: chunked", body=b"zz\r\n"),
        "a chunk beyond 64 bits": _request(
            "POST", "/-/healthy", "Transfer-Encoding: chunked", body=b"ffffffffffffffff1\r\n"
        ),
        "a chunk with a bare line feed": _request(
            "POST", "/-/healthy", "Transfer-Encoding: chunked", body=b"1\nx\n0\n\n"
        ),
        "chunked that is not last": _request(
            "POST", "/-/reload", "Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n" + _SMUGGLED
        ),
        "TE hidden by a tab": b"POST /-/reload HTTP/1.1\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
        "TE folded": b"POST /-/reload HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    },
) + _shapes(
    ("405", "413"),  # whichever is noticed first
    {
        "an endless chunk extension": _request(
            "POST", "/-/healthy", "Transfer-Encoding: chunked", body=b"1;" + b"x" * 2**20
        ),
        "endless trailers": _request(
            "POST", "/-/healthy", "Transfer-Encoding: chunked", body=b"0\r\n" + b"X: x\r\n" * 2**18
        ),
    },
)

BODIES: Final = _shapes(
    ("413",),
    {
        "a length of 1 GiB": _request("POST", "/-/reload", "Content-Length: 1073741824"),
        "a length of 1 GiB, awaiting 100": _request(
            "POST", "/-/reload", "Content-Length: 1073741824", "Expect: 100-continue"
        ),
    },
)

NEGOTIATION: Final = _shapes(
    ("200",),
    {
        "Accept of 15 KB": _get("Accept: " + "a/b," * 3800),
        "Accept of many weights": _get("Accept: " + "application/openmetrics-text;version=1.0.0;q=0.000," * 280),
        "Accept with a huge weight": _get("Accept: text/plain;q=" + "9" * 14_000),
        "Accept of semicolons": _get("Accept: text/plain" + ";" * 15_000),
        "Accept-Encoding of 15 KB": _get("Accept-Encoding: " + "gzip;q=0.5," * 1300),
        "Accept-Encoding of commas": _get("Accept-Encoding: gzip" + "," * 15_000),
        "Accept-Encoding of semicolons": _get("Accept-Encoding: gzip" + ";" * 15_000),
        "Accept-Encoding with no number": _get("Accept-Encoding: gzip;q=NaN, br;q=-1, *;q=1e9"),
        "1,000 Accept headers": _get(*["Accept: */*"] * 1000),
        "a range": _get("Range: bytes=0-0"),
        "a thousand ranges": _get("Range: bytes=" + ",".join(f"{start}-" for start in range(1000))),
        "a range beyond 64 bits": _get("Range: bytes=18446744073709551617-"),
        "conditions": _get("If-None-Match: *", "If-Modified-Since: x", "If-Range: x"),
    },
)

ALL: Final = {
    "headers": HEADERS,
    "methods": METHODS,
    "paths": PATHS,
    "garbage": GARBAGE,
    "http2": HTTP2,
    "smuggling": SMUGGLING,
    "bodies": BODIES,
    "negotiation": NEGOTIATION,
}
