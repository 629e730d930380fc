"""A small client of Alertmanager's API v2, and of its /metrics.

The user and password of a URL travel as basic authentication, and are in no message. Redirects are not followed.
Proxies are taken from the environment (``HTTPS_PROXY``, ``NO_PROXY``), certificate authorities from the system
(``SSL_CERT_FILE``).
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec
import yaml

from exporter.alerts.notifications import Tallies, parse_tallies
from exporter.causes import causes, said
from exporter.foreign import cut, one_line

T = TypeVar("T")

MAX_ANSWER: Final = 32 * 1024 * 1024
"""Bytes of an answer: the alerts, silences and configuration of a large installation."""

_MAX_SAID: Final = 300  # characters of what Alertmanager says
_TAG: Final = re.compile(r"<[^<>]*>")


class AlertmanagerError(Exception):
    """Alertmanager was not reached, refused, or did not answer as it should: one line, without secrets."""


class Name(msgspec.Struct, frozen=True):
    """A receiver, as alerts and groups refer to it."""

    name: str


class AlertStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What Alertmanager does with an alert: ``active``, ``suppressed`` or (still) ``unprocessed``, and by what.

    ``muted_by`` names time intervals: since Alertmanager 0.28, of an alert in a group.
    """

    state: str
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()


class Alert(msgspec.Struct, frozen=True):
    """An alert that has not ended, as Alertmanager lists it."""

    fingerprint: str
    labels: dict[str, str]
    status: AlertStatus
    receivers: tuple[Name, ...] = ()


class Group(msgspec.Struct, frozen=True):
    """Alerts that are told to one receiver in one notification."""

    receiver: Name
    alerts: tuple[Alert, ...]


class Silence(msgspec.Struct, frozen=True, rename="camel"):
    """Why alerts are silent, according to whom, and until when (RFC 3339)."""

    comment: str
    created_by: str
    ends_at: str


class Status(msgspec.Struct, frozen=True):
    """The server: its version, how many of its kind it works with, and each receiver's integrations.

    An integration is there as often as the receiver has it: two Slack channels are ``("slack", "slack")``.
    """

    version: str
    peers: int
    receivers: Mapping[str, tuple[str, ...]]


class _Version(msgspec.Struct):
    version: str


class _Cluster(msgspec.Struct):
    peers: list[Any] | None = None  # null where clustering is off


class _Config(msgspec.Struct):
    original: str


class _Status(msgspec.Struct, rename="camel"):
    version_info: _Version
    config: _Config
    cluster: _Cluster


def parse_url(text: str) -> tuple[str, tuple[str, str] | None]:
    """Return an Alertmanager's URL without a slash at its end, and the user and password that were in it, if any.

    Raises ValueError if it is none; the message doesn't repeat the text, which may hold a password.
    """
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        raise ValueError("is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("is not a URL that begins with http://HOST or https://HOST")
    if url.query or url.fragment:
        raise ValueError("must end before the ? or # of a page")
    auth = (url.username, url.password) if url.userinfo else None
    return str(url.copy_with(userinfo=b"")).rstrip("/"), auth


class Alertmanager:
    """Asks one Alertmanager. Belongs to one event loop; close it with :meth:`aclose`."""

    def __init__(self, url: str, *, timeout: float, user_agent: str) -> None:
        """Prepare to ask; nothing is sent yet. ``timeout`` is in seconds, a request. Raises ValueError on a bad URL."""
        self.url, auth = parse_url(url)
        self._timeout = timeout
        self._http = httpx.AsyncClient(
            auth=auth,
            verify=ssl.create_default_context(),
            timeout=timeout,
            follow_redirects=False,
            headers={"User-Agent": user_agent},
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def status(self) -> Status:
        """Return what the server is, and whom it can notify. This and the others raise AlertmanagerError."""
        path = "/api/v2/status"
        found = _decoded(await self._ask("GET", path), _Status, self.url + path)
        try:
            receivers = _receivers(yaml.safe_load(found.config.original))
        except (yaml.YAMLError, TypeError, KeyError):
            raise AlertmanagerError(f"{self.url}{path} holds a configuration that cannot be read") from None
        return Status(found.version_info.version, len(found.cluster.peers or ()), receivers)

    async def post(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Send alerts: ``labels``, ``annotations``, ``startsAt`` and ``endsAt``."""
        await self._ask("POST", "/api/v2/alerts", json=alerts)

    async def alerts(self, *matchers: str) -> list[Alert]:
        """Return the alerts that have not ended and that match, such as ``severity="critical"``."""
        path = "/api/v2/alerts"
        return _decoded(await self._ask("GET", path, params={"filter": matchers}), list[Alert], self.url + path)

    async def groups(self, *matchers: str) -> list[Group]:
        """Return the groups of those alerts, with none but those alerts in them."""
        path = "/api/v2/alerts/groups"
        return _decoded(await self._ask("GET", path, params={"filter": matchers}), list[Group], self.url + path)

    async def silence(self, identifier: str) -> Silence:
        """Return a silence."""
        path = f"/api/v2/silence/{quote(identifier, safe='')}"
        return _decoded(await self._ask("GET", path), Silence, self.url + path)

    async def tallies(self) -> Tallies:
        """Return how often each integration was used since the server started, by its /metrics."""
        path = "/metrics"
        tallies = parse_tallies((await self._ask("GET", path)).decode("utf-8", "replace"))
        if not tallies:
            raise AlertmanagerError(f"{self.url}{path} does not count notifications as Alertmanager 0.22 and later do")
        return tallies

    async def _ask(self, method: str, path: str, **options: Any) -> bytes:
        where = self.url + path
        try:
            async with asyncio.timeout(self._timeout), self._http.stream(method, where, **options) as answer:
                body = bytearray()
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > MAX_ANSWER:
                        raise AlertmanagerError(f"{where} answers with more than {MAX_ANSWER} bytes")
        except (TimeoutError, httpx.TimeoutException):
            raise AlertmanagerError(f"{where} did not answer within {self._timeout:g} s") from None
        except (httpx.RequestError, OSError) as error:
            # Without the exception, which holds the request with its password.
            raise AlertmanagerError(f"{where} cannot be reached: {_reason(error)}") from None
        if answer.status_code != httpx.codes.OK:
            raise AlertmanagerError(_refusal(answer, bytes(body), where))
        return bytes(body)


def presentable(text: str) -> str:
    """Return foreign text on one line, without control characters, and cut if it is long."""
    return cut(one_line(text), _MAX_SAID)


def _decoded(body: bytes, kind: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise AlertmanagerError(f"{where} does not answer as Alertmanager does: {error}") from None
    except msgspec.DecodeError:
        raise AlertmanagerError(f"{where} answers with something that is not JSON: is that Alertmanager?") from None


def _receivers(config: Any) -> dict[str, tuple[str, ...]]:
    """Return each receiver's integrations, as often as they are there. Raises TypeError and KeyError."""
    return {
        receiver["name"]: tuple(
            kind.removesuffix("_configs")
            for kind, entries in receiver.items()
            if kind.endswith("_configs")
            for _ in entries
        )
        for receiver in config["receivers"]
    }


def _refusal(answer: httpx.Response, body: bytes, where: str) -> str:
    match answer.status_code:
        case 401 | 403:
            meaning = ": the URL needs the right user and password, as in https://USER:PASSWORD@HOST"
        case 404:
            meaning = (
                ": if Alertmanager has a route prefix, it belongs into the URL, as in http://HOST:9093/alertmanager"
            )
        case _ if answer.is_redirect:
            meaning = ", a redirect, which is not followed: the URL has to be the final one"
        case _:
            explanation = presentable(_TAG.sub(" ", _said(body)))
            meaning = f": {explanation}" if explanation else ""
    return f"{where} answers {answer.status_code}{meaning}"


def _said(body: bytes) -> str:
    """Return Alertmanager's own explanation: a JSON string, or an object with a message; else the text."""
    try:
        payload = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return body.decode("utf-8", "replace")
    match payload:
        case str(text) | {"message": str(text)} | {"error": str(text)}:
            return text
    return body.decode("utf-8", "replace")


def _reason(error: Exception) -> str:
    """Return what broke, from the innermost cause: the outer ones only say that something did."""
    cause: BaseException = error
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"certificate verification failed: {cause.verify_message}"
    if isinstance(cause, socket.gaierror):
        return f"name lookup failed: {cause.strerror}"
    return presentable(said(cause))
