"""The faults that strike a response: in place of an answer, or between the answer and the client."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from email.utils import formatdate
from random import Random

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from exporter.models import SECOND, Clock
from exporter.simulator.faults import Fault, Faults, Limits
from exporter.simulator.render import encode
from exporter.simulator.responses import Cut, Reset, bomb, dripping, json_response

_ELSEWHERE = "https://elsewhere.invalid"
_REMEMBERED_PAGES = 64

_ERRORS = {
    500: {"detail": "Internal Server Error"},
    502: {"detail": "Bad Gateway"},
    503: {"detail": "Service Unavailable"},
}
_SIGN_IN = "<!doctype html><title>Sign in</title><form><input name=user><input name=password type=password></form>"


class Disruptor:
    """Spoils responses, by the ``faults`` that are on and while an outage lasts."""

    def __init__(self, faults: Faults, limits: Limits, clock: Clock, random: Random) -> None:
        self._faults = faults
        self._limits = limits
        self._clock = clock
        self._random = random
        self._outage_until = 0
        self._pages: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._bomb = b""
        self._released = asyncio.Event()

    def down(self, until: int) -> None:
        """Answer nothing useful before ``until`` (microseconds, server time)."""
        self._outage_until = until

    def release(self) -> None:
        """Let nothing wait any longer: the server stops."""
        self._released.set()

    async def intercept(self, request: Request, now: int) -> Response | None:
        """Return what is answered instead of asking the platform at all, None to go on."""
        if now < self._outage_until:
            if self._random.random() < 0.25:
                await self._sleep(self._limits.hang_seconds)
            return self._failure(request, 503)
        if self._hit(Fault.HANG):
            await self._sleep(self._limits.hang_seconds)
            return self._failure(request, 503)
        if self._hit(Fault.RESET):
            return Reset()
        if self._hit(Fault.SERVER_ERROR):
            return self._failure(request, self._random.choice(tuple(_ERRORS)))
        if self._hit(Fault.RATE_LIMITED):
            return self._rate_limited(request, now)
        if self._hit(Fault.REDIRECT):
            return RedirectResponse(_ELSEWHERE + request.url.path, 301)
        return None

    async def deliver(self, request: Request, body: bytes, now: int) -> Response:
        """Return the response that a good list ``body`` arrives as."""
        if self._hit(Fault.SLOW):
            await self._sleep(self._limits.slow_seconds)
        body = self._frozen(request, body, now)
        if self._hit(Fault.TRUNCATED_JSON):
            return json_response(request, body[: len(body) // 2])
        if self._hit(Fault.HTML):
            return HTMLResponse(_SIGN_IN)
        if self._hit(Fault.ERROR_OBJECT):
            return json_response(request, encode({"error": {"message": "try again", "type": "internal", "id": None}}))
        if self._hit(Fault.GZIP_BOMB):
            self._bomb = self._bomb or bomb(self._limits.bomb_bytes)
            return Response(self._bomb, headers={"content-encoding": "gzip"}, media_type="application/json")
        if self._hit(Fault.CUT):
            return Cut(body)
        if self._hit(Fault.DRIP):
            return dripping(body, self._limits.slow_seconds, self._sleep)
        return json_response(request, body)

    def _frozen(self, request: Request, body: bytes, now: int) -> bytes:
        """Return the body that the same request got some time ago, if the fault strikes, else ``body``."""
        if Fault.FROZEN not in self._faults.active():
            self._pages.clear()
            return body
        url = str(request.url)
        at, old = self._pages.get(url, (now, body))
        if now - at <= self._limits.frozen_seconds * SECOND and self._hit(Fault.FROZEN):
            body = old
        else:
            at = now
        self._pages[url] = (at, body)
        self._pages.move_to_end(url)
        if len(self._pages) > _REMEMBERED_PAGES:
            self._pages.popitem(last=False)
        return body

    def _rate_limited(self, request: Request, now: int) -> Response:
        seconds = self._limits.retry_after_seconds
        at = formatdate(now // SECOND + seconds, usegmt=True)
        headers = self._random.choice(({"retry-after": str(seconds)}, {"retry-after": at}, {}))
        body = {"error": {"message": "Rate limit exceeded", "type": "rate_limit_exceeded", "id": None}}
        return json_response(request, encode(body), 429, headers)

    def _failure(self, request: Request, status: int) -> Response:
        return json_response(request, encode(_ERRORS[status]), status)

    async def _sleep(self, seconds: float) -> None:
        waits = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._released.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _hit(self, fault: Fault) -> bool:
        return self._faults.hit(fault, self._random)
