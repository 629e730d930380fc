"""The HTTP interface of the stand-in: the part of the VLM Run API that reads lists, health and feedback."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus
from math import ceil
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.models import SECOND
from exporter.simulator.control import control_routes
from exporter.simulator.items import Item, Source
from exporter.simulator.listing import SkipTooLarge, UnknownAnchor
from exporter.simulator.params import MAX_LIMIT, InvalidParameter, cursor_query, integer
from exporter.simulator.platform import Platform
from exporter.simulator.render import encode, row, timestamp
from exporter.simulator.responses import json_response

_Answer = dict[str, Any] | list[Any]
_Endpoint = Callable[[Request], _Answer | Awaitable[_Answer]]


class ApiError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, body: _Answer, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers or {}


class Api:
    """The endpoints; each returns what becomes the body of a 200, or raises ApiError."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        """Return every route under ``/v1``."""
        completions, executions, requests = "/v1/openai/chat/completions", "/v1/agent/executions", "/v1/predictions"
        return [
            Route("/v1/health", self._plain(self.health)),
            Route("/v1/openai/health", self._plain(self.health)),
            Route(completions, self._guarded(self.completions, is_list=True)),
            Route(completions + "/{id}", self._guarded(self._one(Source.COMPLETIONS))),
            Route(executions, self._guarded(self._offset_list(Source.EXECUTIONS), is_list=True)),
            Route(executions + "/{id}", self._guarded(self._one(Source.EXECUTIONS))),
            Route(requests, self._guarded(self._offset_list(Source.REQUESTS), is_list=True)),
            Route(requests + "/{id}", self._guarded(self._one(Source.REQUESTS))),
            Route("/v1/feedback/submit", self._guarded(self.submit_feedback), methods=["POST"]),
            Route("/v1/feedback/{id}", self._guarded(self.feedback)),
        ]

    def health(self, request: Request) -> _Answer:
        return {"status": "ok"}

    def completions(self, request: Request) -> _Answer:
        """List chat completions, in OpenAI's envelope."""
        try:
            page = self._platform.lister.by_cursor(cursor_query(request.query_params))
        except UnknownAnchor as error:
            message = f"No chat completion found with id '{error}'."
            raise _openai_not_found(message, "after") from None
        rows = self._rows(page.items)
        ids = [each.get("id") if isinstance(each, dict) else None for each in rows]
        return {
            "object": "list",
            "data": rows,
            "first_id": ids[0] if ids else None,
            "last_id": ids[-1] if ids else None,
            "has_more": page.has_more,
        }

    def feedback(self, request: Request) -> _Answer:
        """List the feedback on one item."""
        item = self._find(request.path_params["id"], None)
        limit = integer(request.query_params, "limit", 10, 1)
        offset = integer(request.query_params, "offset", 0, 0)
        given = [entry for entry in self._platform.feedback if entry["request_id"] == item.id]
        items = [{name: entry[name] for name in ("id", "created_at", "response", "notes")} for entry in given]
        return {"request_id": item.id, "items": items[offset : offset + limit]}

    async def submit_feedback(self, request: Request) -> _Answer:
        """Take feedback on any item of the three lists."""
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = None
        if not isinstance(body, dict) or not isinstance(body.get("request_id"), str):
            problem = {"type": "missing", "loc": ["body", "request_id"], "msg": "Field required", "input": body}
            raise ApiError(422, {"detail": [problem]})
        item = self._find(body["request_id"], None)
        entry = {
            "id": str(uuid4()),
            "request_id": item.id,
            "created_at": timestamp(self._platform.now()),
            "response": body.get("response"),
            "notes": body.get("notes"),
        }
        self._platform.feedback.append(entry)
        return {name: entry[name] for name in ("id", "request_id", "created_at")}

    def _offset_list(self, source: Source) -> _Endpoint:
        def endpoint(request: Request) -> _Answer:
            query = request.query_params
            skip, limit = integer(query, "skip", 0, 0), integer(query, "limit", 10, 1, MAX_LIMIT)
            try:
                return self._rows(self._platform.lister.by_offset(source, skip, limit).items)
            except SkipTooLarge as error:
                raise ApiError(400, {"detail": str(error)}) from None

        return endpoint

    def _one(self, source: Source) -> _Endpoint:
        def endpoint(request: Request) -> _Answer:
            answer: _Answer = row(self._find(request.path_params["id"], source), self._platform.world.now)
            return answer

        return endpoint

    def _find(self, item_id: str, source: Source | None) -> Item:
        item = self._platform.world.find(item_id)
        if item is None or item.is_garbage or (source is not None and item.source is not source):
            if source is Source.COMPLETIONS:
                raise _openai_not_found(f"No chat completion found with id '{item_id}'.", "id")
            raise ApiError(404, {"detail": f"Nothing found with id {item_id}"})
        return item

    def _rows(self, items: list[Item]) -> list[Any]:
        return [row(item, self._platform.world.now) for item in items]

    def _plain(self, endpoint: _Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Wrap an endpoint that answers anybody, while the server answers at all."""

        async def handle(request: Request) -> Response:
            broken = await self._platform.disruptor.intercept(request, self._platform.tick())
            return broken or json_response(request, encode(await _call(endpoint, request)))

        return handle

    def _guarded(self, endpoint: _Endpoint, *, is_list: bool = False) -> Callable[[Request], Awaitable[Response]]:
        """Wrap an endpoint that needs a key, counts against the request limit, and suffers the faults that are on."""
        platform = self._platform

        async def handle(request: Request) -> Response:
            now = platform.tick()
            if (broken := await platform.disruptor.intercept(request, now)) is not None:
                return broken
            try:
                self._authorise(request)
                self._admit()
                answer = await _call(endpoint, request)
            except InvalidParameter as error:
                return json_response(request, encode({"detail": error.detail}), 422)
            except ApiError as error:
                return json_response(request, encode(error.body), error.status, error.headers)
            body = encode(answer)
            return await platform.disruptor.deliver(request, body, now) if is_list else json_response(request, body)

        return handle

    def _authorise(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key not in self._platform.api_keys:
            raise ApiError(401, {"detail": "Invalid API Key"}, {"www-authenticate": "Bearer"})

    def _admit(self) -> None:
        wait = self._platform.limiter.admit()
        if wait > 0:
            body = {"error": {"message": "Rate limit exceeded", "type": "rate_limit_exceeded", "id": None}}
            raise ApiError(429, body, {"retry-after": str(ceil(wait))})


async def _call(endpoint: _Endpoint, request: Request) -> _Answer:
    answer = endpoint(request)
    return await answer if inspect.isawaitable(answer) else answer


def _openai_not_found(message: str, parameter: str) -> ApiError:
    error = {"message": message, "type": "invalid_request_error", "param": parameter, "code": "completion_not_found"}
    return ApiError(HTTPStatus.NOT_FOUND, {"error": error})


class _Dated:
    """Adds the ``Date`` header by the platform's clock, which may be a test's or wrong on purpose."""

    def __init__(self, app: ASGIApp, platform: Platform) -> None:
        self._app = app
        self._platform = platform

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._platform.now() // SECOND, usegmt=True)
                message["headers"] = [*message.get("headers", ()), (b"date", date.encode("ascii"))]
            await send(message)

        await self._app(scope, receive, dated)


def create_app(platform: Platform) -> ASGIApp:
    """Return the stand-in's whole application."""

    def refused(request: Request, error: Exception) -> Response:
        status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "error")
        return json_response(request, encode({"detail": detail}), status)

    routes = [*Api(platform).routes(), *control_routes(platform)]
    return _Dated(Starlette(routes=routes, exception_handlers={HTTPException: refused}), platform)
