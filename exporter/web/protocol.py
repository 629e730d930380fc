"""HTTP/1.1 on one connection, bounded in time and memory: uvicorn has neither a header timeout nor size limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final, TypeAlias

import httptools
from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from exporter.web.crowd import Crowd
from exporter.web.limits import Limits, Refusal
from exporter.web.turns import GONE

RawHeaders: TypeAlias = list[tuple[bytes, bytes]]
"""Names and values as they are sent."""

_SLICE: Final = 1024
"""Bytes parsed between two looks at the limits, which are thus exact to about as much."""


class BoundedConfig(Config):
    """Uvicorn's settings for this server, with the limits and the observer that the protocol needs."""

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        on_refused: Callable[[str], None],
        headers_of: Callable[[RawHeaders], RawHeaders],
        *,
        backlog: int,
    ) -> None:
        """``headers_of`` returns the headers to send in place of those of our own answers."""
        super().__init__(
            app,
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            workers=1,
            backlog=backlog,
            timeout_keep_alive=0,  # on_response_complete() puts the idle deadline in its place
            log_config=None,
            # Its warnings repeat what on_refused counts, a line for each malformed request that anyone sends.
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            headers=[("server", "vlmrun-exporter")],
        )
        self.limits = limits
        self.on_refused = on_refused
        self.headers_of = headers_of
        self.crowd = Crowd(limits)


class _Phase(Enum):
    """What the connection waits for."""

    HEAD = auto()
    """The rest of a request's headers."""
    BODY = auto()
    """The rest of a request's body."""
    BUSY = auto()
    """Our own answer: the request is complete."""
    IDLE = auto()
    """The next request."""
    LINGER = auto()
    """The client to read why it was refused, and to close."""


class _RefusedError(Exception):
    """Stops the parser after a refusal."""


class BoundedProtocol(HttpToolsProtocol):
    """One client connection. Deadlines are absolute: dripping bytes do not extend them."""

    def __init__(
        self,
        config: BoundedConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, GONE: self._is_gone}, _loop)
        self._limits = config.limits
        self._on_refused = config.on_refused
        self._headers_of = config.headers_of
        self._crowd = config.crowd
        self._phase = _Phase.HEAD
        self._phase_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self._next_is_due = False
        self._answer: RequestResponseCycle | None = None
        self._work: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self._crowd.enter(self):
            self.give_way(Refusal.TOO_MANY_CONNECTIONS)
            return
        # So low a threshold that pause_writing() tells of every byte that the client has not taken yet. asyncio's TLS
        # pauses from the threshold on, plain transports beyond it.
        transport.set_write_buffer_limits(high=1 if self.scheme == "https" else 0)
        self._enter(_Phase.HEAD)

    def _is_gone(self) -> bool:
        """Tell whether nobody reads answers any more; uvicorn learns so, too, before it writes to the transport."""
        gone = self.transport.is_closing()
        if gone and self._answer is not None:
            self._answer.disconnected = True
        return gone

    @property
    def address(self) -> str:
        """The client's IP address; empty if it has none."""
        return self.client[0] if self.client else ""

    def unread(self) -> int:
        """Return how many bytes were answered that the client has not taken yet, written or not."""
        answer = self._answer
        unwritten = 0 if answer is None or answer.response_complete else answer.expected_content_length
        return self.transport.get_write_buffer_size() + unwritten

    def give_way(self, reason: Refusal) -> None:
        """Close at once."""
        self._on_refused(reason)
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._crowd.leave(self)
        if self._answer is not None and self._work is not None:
            self._answer.disconnected = True
            self._work.cancel()  # one that waits for its turn would hold up those who are still there
        self.app_state.clear()  # it refers to us, and would keep all this in memory until garbage is collected
        for timer in (self._deadline, self._write_deadline):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _SLICE):
            if self._phase is _Phase.LINGER or self.transport.is_closing():
                # Read and thrown away: closing on unread bytes would reset the connection under our answer.
                return
            if self._phase in (_Phase.BUSY, _Phase.IDLE):
                self._enter(_Phase.HEAD)
            self._parse(data[start : start + _SLICE])

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # We upgrade to nothing: answer in HTTP/1.1, then close, as the parser reads no further.
            self.cycle.keep_alive = False
        except httptools.HttpParserError as error:
            if not isinstance(error.__context__, _RefusedError):
                self._refuse(Refusal.BAD_REQUEST, 400, "Bad request: this is not valid HTTP/1.1.")
            return
        self._phase_bytes += len(data)
        limits = self._limits
        if self._phase is _Phase.HEAD and self._phase_bytes > limits.max_header_bytes + _SLICE:
            self._refuse_headers()
        elif self._phase is _Phase.BODY and self._phase_bytes > limits.max_body_bytes + _SLICE:
            self._refuse_body()

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= self._limits.max_pipelined:
            self._refuse(Refusal.TOO_MANY_PIPELINED, 400, "Too many requests were sent without awaiting an answer.")
            raise _RefusedError
        if any(name == b"content-length" and int(value) > self._limits.max_body_bytes for name, value in self.headers):
            self._refuse_body()
            raise _RefusedError
        super().on_headers_complete()
        self._enter(_Phase.BODY)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._enter(_Phase.IDLE if self.cycle.response_complete else _Phase.BUSY)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # As uvicorn does, which keeps neither.
        self._answer = cycle
        self._work = self.loop.create_task(cycle.run_asgi(app))
        self._work.add_done_callback(self.tasks.discard)
        self.tasks.add(self._work)

    def on_response_complete(self) -> None:
        if self.pipeline and self.flow.write_paused and not self.transport.is_closing():
            # The next answer is not made before the client has taken this one: it would be held in memory beside it.
            self._next_is_due = True
            return
        last = not self.pipeline
        super().on_response_complete()
        # Uvicorn's own keep-alive timer is not set again after a stray byte or a late body: ours replaces it.
        self._unset_keepalive_if_required()
        if last and self._phase is _Phase.BUSY and not self.transport.is_closing():
            self._enter(_Phase.IDLE)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self.loop.call_later(self._limits.write_timeout, self._on_write_deadline)
        self._tell_crowd()
        self._crowd.stalls(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_deadline is not None:
            self._write_deadline.cancel()
        self._crowd.flows(self)
        self._tell_crowd()
        if self._next_is_due:
            self._next_is_due = False
            self.on_response_complete()

    def _tell_crowd(self) -> None:
        if self._phase is _Phase.BUSY and not self.flow.write_paused:
            self._crowd.works(self)
        else:
            self._crowd.waits(self)

    def _enter(self, phase: _Phase) -> None:
        """Start waiting for something else, with a fresh deadline and byte count."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._phase = phase
        self._phase_bytes = 0
        self._tell_crowd()
        timeout = {
            _Phase.HEAD: self._limits.header_timeout,
            _Phase.BODY: self._limits.body_timeout,
            _Phase.IDLE: self._limits.idle_timeout,
            _Phase.LINGER: self._limits.linger_timeout,
        }.get(phase)
        if timeout is not None:
            self._deadline = self.loop.call_later(timeout, self._on_deadline)

    def _on_deadline(self) -> None:
        if self._phase is _Phase.HEAD:
            self._on_refused(Refusal.HEADERS_TIMEOUT)
        elif self._phase is _Phase.BODY:
            self._on_refused(Refusal.BODY_TIMEOUT)
        # abort(), as close() would wait for a client that doesn't read.
        self.transport.abort()

    def _on_write_deadline(self) -> None:
        self._on_refused(Refusal.WRITE_TIMEOUT)
        self.transport.abort()

    def _refuse_headers(self) -> None:
        limit = self._limits.max_header_bytes
        self._refuse(Refusal.HEADERS_TOO_LARGE, 431, f"The request's headers exceed {limit} bytes.")

    def _refuse_body(self) -> None:
        self._refuse(Refusal.BODY_TOO_LARGE, 413, f"The request's body exceeds {self._limits.max_body_bytes} bytes.")

    def _refuse(self, reason: Refusal, status: int, message: str) -> None:
        """Answer with an error and close; merely close if another answer is due first or already under way."""
        self._on_refused(reason)
        if not self._may_answer():
            self.transport.abort()
            return
        if self.cycle is not None:
            # Whatever the application still sends goes nowhere.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._enter(_Phase.LINGER)
        self.flow.resume_reading()
        body = f"{message}\n".encode("ascii")
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode("ascii")),
            (b"connection", b"close"),
        ]
        headers = self._headers_of(headers)
        lines = [STATUS_LINE[status], *(b"%b: %b\r\n" % header for header in headers), b"\r\n", body]
        self.transport.write(b"".join(lines))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _may_answer(self) -> bool:
        if self.cycle is None:
            return True
        if self.pipeline:
            return False
        # In BODY the latest cycle is the refused request's own; else it is an earlier one's.
        return not self.cycle.response_started if self._phase is _Phase.BODY else self.cycle.response_complete
