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
    HANDSHAKE_TIMEOUT = "handshake_timeout"
    HANDSHAKE_FAILED = "handshake_failed"
    CLIENT_NOT_ALLOWED = "client_not_allowed"
    PLAIN_HTTP = "plain_http"
    TOO_MUCH_UNREAD = "too_much_unread"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one server; times in seconds, sizes in bytes on the wire."""

    handshake_timeout: float = 10.0
    """From the connection's start to the end of TLS's handshake, where TLS is spoken."""
    header_timeout: float = 10.0
    """From the connection's start, its handshake's end or a later request's first byte, to the end of the headers."""
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
    """Handshakes included. Beyond, a connection that waits for its client makes room for a new one."""
    max_tls_connections: int = 128
    """The same where TLS is spoken: asyncio's buffers take 0.7 MB for each connection, from before its handshake on."""
    max_unread_bytes: int = 64 * 1024 * 1024
    """Answered, but not taken by clients yet, in all: several times the largest exposition, uncompressed."""
