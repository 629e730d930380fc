"""Stands before every path: counts requests, asks for credentials, and sets the headers of the web configuration."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.config import RateLimit, WebConfig
from exporter.web.access import Access
from exporter.web.origin import origin
from exporter.web.passwords import BusyError, Passwords
from exporter.web.protocol import RawHeaders
from exporter.web.responses import respond_text
from exporter.web.throttle import Throttle, TokenBucket


class Denial(StrEnum):
    """Why a request was refused before any endpoint saw it, fit for a label."""

    RATE_LIMITED = "rate_limited"
    NO_CREDENTIALS = "no_credentials"
    BAD_CREDENTIALS = "bad_credentials"
    THROTTLED = "throttled"
    BUSY = "busy"


class Guard:
    """Lets an application answer only those that the web configuration in force admits."""

    def __init__(
        self,
        app: ASGIApp,
        access: Callable[[], Access],
        *,
        monotonic: Callable[[], float],
        passwords: Passwords,
        on_denied: Callable[[str], None] = lambda reason: None,
    ) -> None:
        """``access`` returns what is in force; ``on_denied`` is told a ``Denial`` for each request refused."""
        self._app = app
        self._access = access
        self._monotonic = monotonic
        self._passwords = passwords
        self._throttle = Throttle(monotonic)
        self._on_denied = on_denied
        self._limit: RateLimit | None = None
        self._requests: TokenBucket | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        access = self._access()
        answer = await self._refusal(access.config, scope) or self._app
        await answer(scope, receive, _adding(access, send))

    async def _refusal(self, config: WebConfig, scope: Scope) -> Response | None:
        bucket = self._bucket(config.rate_limit)
        if bucket is not None and not bucket.take():
            return self._deny(Denial.RATE_LIMITED, _try_later(bucket.wait()))
        if not config.users:
            return None
        given = _credentials(scope["headers"])
        if given is None:
            return self._deny(Denial.NO_CREDENTIALS, _unauthorized())
        if self._passwords.remembers(config.users, *given):
            return None
        return await self._try(config.users, *given, where=origin(scope["client"][0]) if scope["client"] else "")

    async def _try(self, users: Mapping[str, str], user: str, password: bytes, *, where: str) -> Response | None:
        """Check a password that is not known to be right; whoever tries too many has to wait."""
        costly = not self._passwords.checks(users, user, password)
        wait = self._throttle.take(where) if costly else 0
        if wait:
            return self._deny(Denial.THROTTLED, _try_later(wait))
        try:
            right = await self._passwords.check(users, user, password, where)
        except BusyError:
            return self._deny(Denial.BUSY, _try_later(1))
        if costly and right:
            self._throttle.give_back(where)
        return None if right else self._deny(Denial.BAD_CREDENTIALS, _unauthorized())

    def _bucket(self, limit: RateLimit | None) -> TokenBucket | None:
        if limit != self._limit:
            self._limit = limit
            self._requests = TokenBucket(limit.interval, limit.burst, self._monotonic) if limit else None
        return self._requests

    def _deny(self, reason: Denial, answer: Response) -> Response:
        self._on_denied(reason)
        return answer


def replace_headers(headers: Iterable[tuple[bytes, bytes]], config: WebConfig) -> RawHeaders:
    """Return the headers of an answer with those of the web configuration in their place."""
    own = [(name.lower().encode(), value.encode()) for name, value in config.headers.items()]
    names = {name for name, _ in own}
    return [header for header in headers if header[0].lower() not in names] + own


def _adding(access: Access, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = replace_headers(message["headers"], access.config)
        await send(message)

    return sending


def _credentials(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, bytes] | None:
    """Return user and password of ``Authorization: Basic …`` (RFC 7617), None if there is none that can be read."""
    found = [value for name, value in headers if name == b"authorization"]
    if len(found) != 1 or found[0][:6].lower() != b"basic ":
        return None
    try:
        user, colon, password = base64.b64decode(found[0][6:].strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _unauthorized() -> Response:
    return respond_text("Unauthorized", status=401, headers={"WWW-Authenticate": "Basic"})


def _try_later(seconds: int) -> Response:
    return respond_text("Too Many Requests", status=429, headers={"Retry-After": str(seconds)})
