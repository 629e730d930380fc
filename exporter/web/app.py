"""The exporter's HTTP endpoints."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web import landing
from exporter.web.negotiation import accepts_gzip
from exporter.web.responses import respond, respond_html, respond_parts, respond_text
from exporter.web.state import Backend
from exporter.web.turns import Turns

_METHODS: Final = ("GET", "HEAD", "POST", "PUT")
_HEALTHY: Final = "/-/healthy"
_READY: Final = "/-/ready"
_RELOAD: Final = "/-/reload"
_CONFIG: Final = "/config"
_TELEMETRY_PATH: Final = re.compile(r"/|(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+")


def create_app(
    backend: Backend, *, telemetry_path: str = "/metrics", lifecycle: bool = False, health_timeout: float = 5.0
) -> Starlette:
    """Build the application; at ``telemetry_path`` "/" the metrics take the landing page's place.

    A health check that takes longer than ``health_timeout`` seconds has failed.
    Raises ValueError for a telemetry path that is taken or is not a plain path.
    """
    taken = (_HEALTHY, _READY, _RELOAD, _CONFIG)
    if telemetry_path in taken:
        raise ValueError(f"bad telemetry path {telemetry_path!r}: it is taken, as are {', '.join(taken)}")
    if not _TELEMETRY_PATH.fullmatch(telemetry_path):
        raise ValueError(
            f"bad telemetry path {telemetry_path!r}: want a path such as /metrics, "
            "made of letters, digits and . _ ~ - after each /"
        )
    endpoints = _Endpoints(backend, telemetry_path, lifecycle, health_timeout)
    routes = [
        Route(telemetry_path, endpoints.metrics),
        Route("/", endpoints.landing),
        Route(_HEALTHY, endpoints.healthy),
        Route(_READY, endpoints.ready),
        Route(_RELOAD, endpoints.reload, methods=["POST", "PUT"]),
        Route(_CONFIG, endpoints.config),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Turns), Middleware(_Gate)],
        exception_handlers={HTTPException: _explain, Exception: _apologise},
    )
    app.router.redirect_slashes = False
    return app


class _Endpoints:
    """One method for each path."""

    def __init__(self, backend: Backend, telemetry_path: str, lifecycle: bool, health_timeout: float) -> None:
        self._backend = backend
        self._telemetry_path = telemetry_path
        self._lifecycle = lifecycle
        self._health_timeout = health_timeout

    async def landing(self, request: Request) -> Response:
        page = landing.render(self._backend.state(), self._backend.ready(), self._telemetry_path)
        return respond_html(page, style=landing.STYLE)

    async def metrics(self, request: Request) -> Response:
        accept = ", ".join(request.headers.getlist("accept"))
        gzip = accepts_gzip(", ".join(request.headers.getlist("accept-encoding")))
        scrape = self._backend.scrape(accept, gzip)
        headers = {"Content-Encoding": scrape.content_encoding, "Vary": "Accept, Accept-Encoding"}
        return respond_parts(scrape.parts, scrape.content_type, headers=headers)

    async def healthy(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(self._health_timeout):
                problem = await self._backend.healthy()
        except TimeoutError:
            problem = f"Not healthy: the ledger's lock was not free within {self._health_timeout:g} s."
        return respond_text("Healthy.") if problem is None else respond_text(problem, status=503)

    async def ready(self, request: Request) -> Response:
        reason = self._backend.ready()
        return respond_text("Ready.") if reason is None else respond_text(reason, status=503)

    async def reload(self, request: Request) -> Response:
        if not self._lifecycle:
            return respond_text(
                "Reloading over HTTP is switched off. Start with --web.enable-lifecycle, or send SIGHUP instead.",
                status=403,
            )
        problem = await self._backend.reload()
        if problem is None:
            return respond_text("Configuration reloaded.")
        return respond_text(f"{problem.rstrip()}\nThe old configuration stays in force.", status=500)

    async def config(self, request: Request) -> Response:
        return respond(self._backend.config_text().encode(), "text/yaml; charset=utf-8")


class _Gate:
    """Turns away what no endpoint means: other methods, and paths that only look like ours once decoded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._app
        if scope["type"] == "http" and scope["method"] not in _METHODS:
            answer = _method_not_allowed(", ".join(_METHODS))
        elif scope["type"] == "http" and b"%" in scope["raw_path"]:
            answer = _not_found()
        await answer(scope, receive, send)


def _not_found() -> Response:
    return respond_text("Not found. The start page is /.", status=404)


def _method_not_allowed(allowed: str) -> Response:
    return respond_text(f"Method not allowed. Allowed here: {allowed}.", status=405, headers={"Allow": allowed})


async def _explain(request: Request, error: Exception) -> Response:
    """Answer for the router, which raises 404 and 405 alone."""
    if isinstance(error, HTTPException) and error.status_code == 405 and error.headers is not None:
        return _method_not_allowed(", ".join(sorted(error.headers["Allow"].split(", "))))
    return _not_found()


async def _apologise(request: Request, error: Exception) -> Response:
    """Answer for a bug; uvicorn logs its traceback."""
    return respond_text("Internal error: a bug in the exporter. Its log has the traceback.", status=500)
