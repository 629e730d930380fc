"""What the API's answers and the network's failures mean: each becomes an ``ApiError`` that an operator can act on."""

from __future__ import annotations

import json
import re
import socket
import ssl
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

import httpx

from exporter.causes import causes, said
from exporter.foreign import cut, one_line
from exporter.models import FailureReason, PollError

MAX_MESSAGE: Final = 300
"""Characters: the longest message, since it ends in logs."""

_RETRYABLE: Final = frozenset(
    {FailureReason.RATE_LIMITED, FailureReason.TIMEOUT, FailureReason.CONNECTION, FailureReason.SERVER_ERROR}
)

_TAG: Final = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that shows itself in no repr, so that no traceback that prints locals shows it either."""

    value: str = field(repr=False)

    def redact(self, text: str) -> str:
        """Return the text without the key, be it plain, in a URL or in JSON."""
        for form in (self.value, quote(self.value, safe=""), self.value.replace("/", "\\/")):
            text = text.replace(form, "[redacted]")
        return text


class ApiError(PollError):
    """A failed API call. ``retry_after`` is how many seconds the server asked to stay away, None if it did not say."""

    def __init__(
        self, reason: FailureReason, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(reason, message, status=status)
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        """Whether asking again without changing anything may work."""
        return self.reason in _RETRYABLE


def presentable(text: str, key: ApiKey) -> str:
    """Return foreign text on one line, without control characters or the API key, cut to ``MAX_MESSAGE``."""
    return cut(key.redact(one_line(text)), MAX_MESSAGE)


def refused(
    status: int, body: bytes, *, where: str, location: str | None, retry_after: float | None, key: ApiKey
) -> ApiError:
    """Return the failure that an answer other than 200 means; ``where`` is its host and path."""
    reason, meaning = _meaning(status, where, location)
    explanation = "" if reason is FailureReason.REDIRECT else _said(body)
    message = f"{meaning}: {explanation}" if explanation else meaning
    return ApiError(reason, presentable(message, key), status=status, retry_after=retry_after)


def unanswered(error: Exception, *, host: str, seconds: float, key: ApiKey) -> ApiError:
    """Return the failure that an exception of the network means; ``seconds`` is the timeout in force."""
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        what = (
            f"could not connect to {host}"
            if isinstance(error, httpx.ConnectTimeout)
            else f"no complete answer from {host}"
        )
        return ApiError(FailureReason.TIMEOUT, f"{what} within the timeout of {seconds:g} s")
    return ApiError(FailureReason.CONNECTION, presentable(_broken(error, host), key))


def _meaning(status: int, where: str, location: str | None) -> tuple[FailureReason, str]:
    match status:
        case 401 | 403:
            return FailureReason.AUTH, f"{where} refused the API key ({status})"
        case 402:
            return FailureReason.CLIENT_ERROR, f"credits exhausted, {where} answered 402"
        case 404:
            return FailureReason.CLIENT_ERROR, f"{where} does not exist (404), check base_url and the source's path"
        case 408:
            return FailureReason.TIMEOUT, f"{where} gave up waiting for the request (408)"
        case 429:
            return FailureReason.RATE_LIMITED, f"{where} says too many requests (429)"
    if 200 <= status < 300:
        return FailureReason.BAD_BODY, f"{where} answered {status}, a list must answer 200"
    if 300 <= status < 400:
        # The key must not travel to another host, and a query string may hold somebody else's secret.
        return FailureReason.REDIRECT, (
            f"{where} redirects ({status}) to {_host(location)}; none is followed, set base_url to the final one"
        )
    if status >= 500:
        return FailureReason.SERVER_ERROR, f"{where} failed ({status})"
    return FailureReason.CLIENT_ERROR, f"{where} rejected the request ({status})"


def _host(location: str | None) -> str:
    if location is None:
        return "an unnamed location"
    try:
        return urlsplit(location).hostname or "the same host"
    except ValueError:
        return "an unreadable location"


def _said(body: bytes) -> str:
    """Return the server's own explanation: from one of the known JSON shapes, else the text of the body."""
    text = body.decode("utf-8", errors="replace")
    try:
        return _detail(json.loads(text)) or text
    except (ValueError, RecursionError):
        return _TAG.sub(" ", text)


def _detail(payload: object) -> str:
    """Return what is said by ``{"error": …}``, ``{"detail": …}`` or one within the other; empty for another shape."""
    match payload:
        case str():
            return payload
        case {"error": dict() | str() as inner} | {"detail": dict() | str() | list() as inner}:
            return _detail(inner)
        case {"message": str(message), **rest}:
            labels = [str(rest[name]) for name in ("type", "id") if rest.get(name)]
            return f"{message} ({', '.join(labels)})" if labels else message
        case {"msg": str(message), "loc": list(loc)}:
            return f"{'.'.join(map(str, loc))}: {message}"
        case list():
            return "; ".join(filter(None, map(_detail, payload)))
    return ""


def _broken(error: Exception, host: str) -> str:
    """Return what broke, from the innermost cause: the outer ones only say that something did."""
    cause: BaseException = error
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"certificate verification failed for {host}: {cause.verify_message}; "
                "check ca_file and the server's certificate"
            )
    if isinstance(cause, socket.gaierror):
        return f"name lookup failed on the way to {host}: {cause.strerror}"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy on the way to {host} failed: {said(cause)}"
    if isinstance(error, httpx.ConnectError):
        return f"could not connect to {host}: {said(cause)}"
    return f"connection to {host} broke: {said(cause)}"
