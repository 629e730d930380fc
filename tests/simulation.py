"""The stand-in VLM Run API on a real socket, served by a thread of its own, with a clock that the test moves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from exporter.models import Clock
from exporter.simulator import SimulatorOptions
from exporter.simulator.platform import Platform
from exporter.simulator.server import serve
from tests.clocks import FakeClock

T = TypeVar("T")

_DEADLINE = 30.0


@dataclass
class Simulation:
    """A running stand-in. ``api`` sends the key and trusts nothing: it neither retries nor follows redirects."""

    base_url: str
    platform: Platform
    api: httpx.Client
    loop: asyncio.AbstractEventLoop

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call ``function`` on the server's thread, where nothing else is being done meanwhile."""

        async def run() -> T:
            return function(*arguments)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(_DEADLINE)

    def get(self, path: str, **params: Any) -> Any:
        """Return the JSON of a successful GET under the base URL."""
        return self.api.get(path, params=params).raise_for_status().json()

    def control(self, method: str, path: str, **params: Any) -> httpx.Response:
        """Send a command to ``/simulator``."""
        return self.api.request(method, self.base_url.removesuffix("/v1") + "/simulator" + path, params=params)


@contextmanager
def simulation(clock: Clock | None = None, **options: Any) -> Iterator[Simulation]:
    """Run the stand-in on a free port; ``options`` are those of `SimulatorOptions`."""
    settings = SimulatorOptions(port=0, **options)
    platform = Platform(settings, clock or FakeClock())
    listening = threading.Event()
    urls: list[str] = []
    loops: list[asyncio.AbstractEventLoop] = []
    stop = asyncio.Event()

    def ready(base_url: str) -> None:
        urls.append(base_url)
        listening.set()

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        await serve(platform, settings.host, settings.port, stop, ready)

    thread = threading.Thread(target=asyncio.run, args=(main(),), name="simulator")
    thread.start()
    try:
        assert listening.wait(_DEADLINE), "the stand-in does not listen"
        headers = {"authorization": f"Bearer {settings.api_key}"}
        # An environment's proxy is none of a loopback server's business.
        with httpx.Client(base_url=urls[0], headers=headers, timeout=_DEADLINE, trust_env=False) as api:
            yield Simulation(urls[0], platform, api, loops[0])
    finally:
        for loop in loops:
            if not loop.is_closed():
                loop.call_soon_threadsafe(stop.set)
        thread.join(_DEADLINE)
        assert not thread.is_alive(), "the stand-in does not stop"
