"""How a demo or a test steers the stand-in while it runs: ``/simulator``, from the same machine only, without a key."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.simulator.faults import Fault
from exporter.simulator.params import InvalidParameter, optional_integer
from exporter.simulator.platform import Platform
from exporter.simulator.render import encode
from exporter.simulator.responses import json_response

_Command = Callable[[Request], Awaitable[dict[str, Any]]]


class Control:
    """The commands; each returns the body of a 200, or raises ValueError for what it can't do."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def state(self, request: Request) -> dict[str, Any]:
        return self._platform.state()

    async def scenario(self, request: Request) -> dict[str, Any]:
        self._platform.play(request.path_params["name"])
        return self._platform.state()

    async def fault(self, request: Request) -> dict[str, Any]:
        """Switch one fault, with ``?probability=`` (1 without)."""
        name = request.path_params["name"]
        if name not in list(Fault):
            raise ValueError(f"unknown fault {name!r}; allowed: {', '.join(Fault)}")
        self._platform.tick()
        self._platform.faults.set(Fault(name), float(request.query_params.get("probability", "1")))
        return self._platform.state()

    async def freeze(self, request: Request) -> dict[str, Any]:
        self._platform.tick()
        self._platform.world.freeze()
        return self._platform.state()

    async def thaw(self, request: Request) -> dict[str, Any]:
        self._platform.tick()
        self._platform.world.thaw()
        return self._platform.state()

    async def keys(self, request: Request) -> dict[str, Any]:
        """Replace the accepted keys by ``{"api_keys": [...]}``."""
        body = json.loads(await request.body())
        keys = body.get("api_keys") if isinstance(body, dict) else None
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise ValueError('expected {"api_keys": ["...", ...]}')
        self._platform.api_keys = frozenset(keys)
        return {"api_keys": len(self._platform.api_keys)}

    async def truth(self, request: Request) -> dict[str, Any]:
        """Totals of what was created after ``?since=`` and settled by ``?until=``, both in microseconds."""
        now = self._platform.tick()
        since = optional_integer(request.query_params, "since")
        until = optional_integer(request.query_params, "until")
        truth = self._platform.world.truth(until, since)
        return {"since": since, "until": now if until is None else until, **truth.as_json()}


def control_routes(platform: Platform) -> list[Route]:
    """Return the routes under ``/simulator``."""
    control = Control(platform)
    return [
        Route("/simulator", _local(control.state)),
        Route("/simulator/truth", _local(control.truth)),
        Route("/simulator/scenario/{name}", _local(control.scenario), methods=["POST"]),
        Route("/simulator/fault/{name}", _local(control.fault), methods=["POST"]),
        Route("/simulator/freeze", _local(control.freeze), methods=["POST"]),
        Route("/simulator/thaw", _local(control.thaw), methods=["POST"]),
        Route("/simulator/keys", _local(control.keys), methods=["PUT"]),
    ]


def _local(command: _Command) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        if request.client is None or not ip_address(request.client.host).is_loopback:
            return json_response(request, encode({"error": "the simulator is steered from its own machine only"}), 403)
        try:
            return json_response(request, encode(await command(request)))
        except InvalidParameter as error:
            return json_response(request, encode({"error": str(error)}), 400)
        except ValueError as error:
            return json_response(request, encode({"error": str(error)}), 400)

    return handle
