"""The HTTP side of a poll: one GET with its key, budget, deadlines, size caps and retries, or the reason it failed.

The API key travels in one header of one request to one host: redirects are not followed, ``.netrc`` is not read, and
neither exceptions nor logs hold it. Proxies are taken from the environment (``HTTPS_PROXY``, ``NO_PROXY``), as
clusters expect; through one, an https:// API is reached by a tunnel that the proxy cannot look into.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import ssl
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Final, Protocol

import h2.exceptions
import httpx

from exporter.api.backoff import MAX_RETRY_AFTER, full_jitter, parse_http_date, parse_retry_after
from exporter.api.budget import BudgetJournal, RequestBudget
from exporter.api.errors import ApiError, ApiKey, presentable, refused, unanswered
from exporter.models import SECOND, Clock, FailureReason, PollError

MIB: Final = 1024 * 1024

MAX_BODY: Final = 20 * MIB
"""Bytes of a list, compressed or not: enough for 1,000 rows of 20 KiB. Each list may hold as many at once."""

_ERROR_CAP: Final = 64 * 1024  # bytes of an answer that explains a failure
_PIECE: Final = MIB  # so much is decompressed at once
_PRINTABLE_ASCII: Final = re.compile(r"[\x21-\x7e]+")
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS  # either, told by the header; "deflate" is zlib's format (RFC 9110, 8.4.1.2)
_NO_AUTH: Final = httpx.Auth()  # or httpx would turn user information in base_url into another Authorization

# At debug level these print the headers of every request and answer.
for _name in ("hpack", "httpcore"):
    logging.getLogger(_name).setLevel(logging.INFO)


class RequestObserver(Protocol):
    """Who counts the requests."""

    def request(self, account: str, code: str) -> None:
        """Count one request that was sent: ``code`` is the HTTP status, ``error`` without an answer."""


@dataclass(frozen=True, slots=True)
class Response:
    """A list as the server sent it, decompressed.

    ``observed`` (microseconds) is not later, by the server's clock, than the moment it took the listing: its ``Date``
    less the ``Age`` and the round trip. Date is truncated to the second and set after the request arrived, so Date
    less round trip is at or before the sending, which is before the listing. Without a usable Date it is the local
    time of sending. ``skew`` (microseconds) is how far the server's clock is ahead of ours, None without a Date.
    """

    body: bytes
    observed: int
    skew: int | None


class ApiClient:
    """Sends the requests of one account. Belongs to one event loop; close it with :meth:`aclose`."""

    def __init__(
        self,
        *,
        account: str,
        base_url: str,
        read_key: Callable[[], str],
        budget: RequestBudget,
        journal: BudgetJournal,
        observer: RequestObserver,
        clock: Clock,
        timeout: float,
        user_agent: str,
        random: Random,
        trust: ssl.SSLContext,
        max_attempts: int = 3,
        max_body_bytes: int = MAX_BODY,
    ) -> None:
        """Prepare to send; nothing is sent or read yet.

        ``timeout`` is the seconds from sending a request to the last byte of its answer; a call with its retries ends
        within four of them, after the wait for its first place in the budget. ``trust`` is what :func:`trust_of` made.
        ``max_body_bytes`` limits an answer both on the wire and decompressed.
        """
        self._account = account
        self._base_url = base_url.rstrip("/")
        self._host = httpx.URL(base_url).netloc.decode("ascii")
        self._read_key = read_key
        self._budget = budget
        self._journal = journal
        self._observer = observer
        self._clock = clock
        self._timeout = timeout
        self._random = random
        self._max_attempts = max_attempts
        self._max_body = max_body_bytes
        self._http = httpx.AsyncClient(
            http2=True,
            verify=trust,
            trust_env=True,
            follow_redirects=False,
            # Shorter than the whole: a silent connection has to fail by itself, for httpcore to drop it from the pool.
            timeout=httpx.Timeout(0.9 * timeout),
            headers={
                "User-Agent": user_agent,
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "Cache-Control": "no-cache",
            },
        )

    def __repr__(self) -> str:
        return f"ApiClient(account={self._account!r}, host={self._host!r})"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, path: str, params: Mapping[str, str | int], *, reserve: int = 0) -> Response:
        """Fetch ``base_url + path``, waiting for a place in the budget that leaves ``reserve`` others free.

        Raises ApiError, and whatever the journal raises.
        """
        url, key = self._url(path, params), self._current_key()
        await self._admit(reserve, latest=math.inf)
        return await self._call(url, reserve, key)

    async def try_get(self, path: str, params: Mapping[str, str | int], *, reserve: int = 0) -> Response | None:
        """Fetch like :meth:`get`, but return None at once if that would have to wait for a place in the budget."""
        url, key = self._url(path, params), self._current_key()
        if not await self._admit(reserve, latest=-math.inf):
            return None
        return await self._call(url, reserve, key)

    async def _call(self, url: httpx.URL, reserve: int, key: ApiKey) -> Response:
        """Send the request just admitted, and again while that may help and a whole timeout is left for it."""
        latest = self._clock.monotonic() + 3 * self._timeout
        retries, renewed = 0, False
        while True:
            outcome = await self._exchange(url, key)
            if isinstance(outcome, Response):
                return outcome
            if outcome.reason is FailureReason.AUTH and not renewed:
                fresh = self._rotated_key(key)
                if fresh is None:
                    raise outcome
                key, renewed, delay = fresh, True, 0.0
            elif outcome.retryable and retries < self._max_attempts - 1:
                asked = outcome.retry_after
                delay = full_jitter(retries, self._random) if asked is None else asked
                retries += 1
            else:
                raise outcome
            if delay > MAX_RETRY_AFTER or not await self._admit(reserve, delay=delay, latest=latest):
                raise outcome

    async def _admit(self, reserve: int, *, latest: float, delay: float = 0.0) -> bool:
        """Wait ``delay`` seconds and for a place in the budget, then take it; False if that is after ``latest``."""
        now = self._clock.now()
        wait = max(delay, self._budget.wait(now, reserve) / SECOND)
        while wait > 0:
            if self._clock.monotonic() + wait > latest:
                return False
            await self._clock.sleep(wait)
            now = self._clock.now()
            wait = self._budget.wait(now, reserve) / SECOND
        # The journal first: a request that is not on record could be sent again by a restarted exporter.
        self._journal.record_request(self._account, now)
        self._budget.take(now)
        return True

    async def _exchange(self, url: httpx.URL, key: ApiKey) -> Response | ApiError:
        """Send one request and return its outcome.

        A failure is returned because, raised from here, it would carry httpx's exception, its request and the key.
        """
        where = self._host + url.path
        headers = httpx.Headers({"Authorization": f"Bearer {key.value}"})  # its repr hides the value
        sent, started = self._clock.now(), self._clock.monotonic()
        outcome: Response | ApiError
        answer: httpx.Response | None = None
        body = BytesIO()
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._http.stream("GET", url, headers=headers, auth=_NO_AUTH) as answer,
            ):
                round_trip = math.ceil((self._clock.monotonic() - started) * SECOND)
                await _receive(answer, body, self._max_body if answer.status_code == httpx.codes.OK else _ERROR_CAP)
            observed, skew = _observed(answer.headers, sent, round_trip)
            outcome = Response(body.getvalue(), observed, skew)
        except PollError as error:
            outcome = ApiError(error.reason, presentable(f"the answer of {where} {error}", key), status=200)
        except (httpx.TransportError, h2.exceptions.H2Error, OSError) as error:
            outcome = unanswered(error, host=self._host, seconds=self._timeout, key=key)
        finally:
            self._observer.request(self._account, "error" if answer is None else str(answer.status_code))
        if answer is None or answer.status_code == httpx.codes.OK:
            return outcome
        # Whatever became of its body, the status is what happened.
        date = parse_http_date(answer.headers.get("date"))
        return refused(
            answer.status_code,
            body.getvalue(),
            where=where,
            location=answer.headers.get("location"),
            retry_after=parse_retry_after(answer.headers.get("retry-after"), now=sent if date is None else date),
            key=key,
        )

    def _url(self, path: str, params: Mapping[str, str | int]) -> httpx.URL:
        try:
            return httpx.URL(f"{self._base_url}/{path.lstrip('/')}").copy_merge_params(params)
        except httpx.InvalidURL as error:
            raise ApiError(FailureReason.CLIENT_ERROR, f"cannot ask for {path!r}: {error}") from None

    def _current_key(self) -> ApiKey:
        """Return the key as it is now; raise ApiError if there is none that can be sent.

        Read for each call, so that a poll that works proves the key that is there, and not one that was.
        """
        try:
            key = ApiKey(self._read_key())
        except Exception as error:  # a secret may come from anywhere; what is wrong with it is the message
            problem = str(error) or type(error).__name__
        else:
            if _PRINTABLE_ASCII.fullmatch(key.value):
                return key
            problem = "it is empty or holds a space, a line break or a character that is not ASCII"
        raise ApiError(FailureReason.AUTH, f"the API key of account {self._account} is unusable: {problem}")

    def _rotated_key(self, rejected: ApiKey) -> ApiKey | None:
        """Read the key again, since the server rejected it; None if that brings no other."""
        try:
            key = self._current_key()
        except ApiError:
            return None
        return None if key == rejected else key


async def _receive(answer: httpx.Response, body: BytesIO, most: int) -> None:
    """Stream the decompressed answer into ``body``; raise PollError for one of more than ``most`` bytes."""
    encoding = answer.headers.get("content-encoding") or "identity"
    if encoding.lower() not in ("identity", "gzip", "x-gzip", "deflate"):
        raise PollError(FailureReason.BAD_BODY, f"is encoded as {encoding!r}, only gzip and deflate were asked for")
    inflater = None if encoding.lower() == "identity" else zlib.decompressobj(_GZIP_OR_ZLIB)
    wire = 0
    async for chunk in answer.aiter_raw():
        wire += len(chunk)
        try:
            for piece in (chunk,) if inflater is None else _inflated(inflater, chunk):
                room = most - body.tell()
                body.write(piece[:room])
                # Before more is inflated, so that a bomb never is.
                if wire > most or len(piece) > room:
                    raise PollError(FailureReason.TOO_LARGE, f"is larger than {most / MIB:g} MiB; lower page_size")
        except zlib.error as error:
            raise PollError(FailureReason.BAD_BODY, f"is not valid {encoding}: {error}") from None
        if inflater is not None and inflater.unused_data:
            raise PollError(FailureReason.BAD_BODY, f"goes on after the end of its {encoding} data")
    if inflater is not None and not inflater.eof:
        raise PollError(FailureReason.BAD_BODY, f"is {encoding} data that ends too early")


def _inflated(inflater: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
    """Decompress ``packed`` piece by piece, since a thousand times as much may be in it."""
    piece = inflater.decompress(packed, _PIECE)
    yield piece
    while len(piece) == _PIECE:
        piece = inflater.decompress(inflater.unconsumed_tail, _PIECE)
        yield piece


def _observed(headers: httpx.Headers, sent: int, round_trip: int) -> tuple[int, int | None]:
    """Return what :class:`Response` says of time, from microseconds at sending and until the answer's headers."""
    date = parse_http_date(headers.get("date"))
    if date is None:
        return sent, None
    age = headers.get("age", "")
    age_us = int(age) * SECOND if _SECONDS.fullmatch(age) else 0
    # Half a second for Date's truncation, half the round trip for the way back: off by half of each at most.
    skew = date + age_us + SECOND // 2 - (sent + round_trip // 2)
    return date - age_us - round_trip, skew


def trust_of(ca_file: Path | None) -> ssl.SSLContext:
    """Trust the certificate authorities in ``ca_file`` (PEM), or the system's if it is None.

    Clients may share what this returns. Raises ValueError if ``ca_file`` cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ValueError(f"ca_file {ca_file} must be readable and hold PEM certificates: {error}") from None
