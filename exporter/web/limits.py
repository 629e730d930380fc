"""What a client may cost the server, and what it is told when it wants more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    """Why a connection was refused or cut: the reasons given to ``on_refused``, fit for a label."""

    TOO_MANY_CONNECTIONS = "too_many_connections"
    HEADERS_TIMEOUT = "headers_timeout"
    HEADERS_TOO_LARGE = "headers_too_large"
    BODY_TIMEOUT = "body_timeout"
    BODY_TOO_LARGE = "body_too_large"
    TOO_MANY_PIPELINED = "too_many_pipelined"
    BAD_REQUEST = "bad_request"
    WRITE_TIMEOUT = "write_timeout"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one server; times in seconds, sizes in bytes on the wire."""

    header_timeout: float = 10.0
    """From the connection's start, or a later request's first byte, to the end of the request's headers."""
    body_timeout: float = 10.0
    """From the end of the headers to the end of the body."""
    idle_timeout: float = 65.0
    """Between requests; longer than the usual scrape intervals, so that Prometheus can keep its connection."""
    write_timeout: float = 30.0
    """For the client to take in all that was written to it."""
    linger_timeout: float = 2.0
    """For a client that was refused with an answer to read it."""
    max_header_bytes: int = 16 * 1024
    max_body_bytes: int = 64 * 1024
    max_pipelined: int = 8
    """Requests that may wait behind the one being answered."""
    max_connections: int = 512
