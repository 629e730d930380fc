"""The simulator as it is run: its options, its history, where it listens and how it ends."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import pytest

from exporter.models import MICRO, SECOND
from exporter.simulator import SimulatorOptions
from exporter.simulator import run as run_simulator
from exporter.simulator.faults import Fault
from exporter.simulator.items import Source
from exporter.simulator.platform import Platform
from exporter.simulator.server import serve
from exporter.simulator.workload import Effects
from tests.clocks import START, FakeClock
from tests.worlds import MINUTE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scenario": "doom"}, "unknown scenario 'doom'; allowed: steady, "),
        ({"speed": 0}, "simulator: speed must not be 0"),
        ({"rate": -1}, "simulator: rate must not be -1"),
        ({"history": -1}, "simulator: history must not be -1"),
        ({"rate_limit_per_minute": -1}, "simulator: rate_limit_per_minute must not be -1"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SimulatorOptions(**options)


def test_run_says_where_it_listens_and_ends_when_told(clock: FakeClock) -> None:
    async def main() -> str:
        stop = asyncio.Event()
        url = asyncio.get_running_loop().create_future()
        options = SimulatorOptions(host="0.0.0.0", port=0, history=0.0)
        task = asyncio.create_task(run_simulator(options, clock, stop, url.set_result))
        base_url: str = await url
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{base_url}/health")).status_code == 200
        stop.set()
        await task
        return base_url

    assert asyncio.run(main()).startswith("http://127.0.0.1:")


def test_stopping_waits_for_nobody() -> None:
    class Standstill(FakeClock):
        def __init__(self) -> None:
            super().__init__()
            self.asleep = asyncio.Event()

        async def sleep(self, seconds: float) -> None:
            self.asleep.set()
            await asyncio.Event().wait()

    async def main() -> int:
        clock, stop = Standstill(), asyncio.Event()
        url = asyncio.get_running_loop().create_future()
        platform = Platform(SimulatorOptions(history=0.0), clock)
        platform.faults.set(Fault.HANG, 1)
        server = asyncio.create_task(serve(platform, "127.0.0.1", 0, stop, url.set_result))
        async with httpx.AsyncClient(base_url=await url, trust_env=False) as client:
            hanging = asyncio.create_task(client.get("/health"))
            await clock.asleep.wait()
            stop.set()
            await server
            return (await hanging).status_code

    assert asyncio.run(main()) == 503


def test_taken_port_is_named(clock: FakeClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = SimulatorOptions(port=port, history=0.0)
        with pytest.raises(OSError, match=f"the simulator can't listen on 127.0.0.1 port {port}: "):
            asyncio.run(run_simulator(options, clock, asyncio.Event()))


def test_history_is_ordinary_and_reaches_back(clock: FakeClock) -> None:
    platform = Platform(SimulatorOptions(scenario="credit-burn", history=1_800.0, rate=1.0), clock)
    ages = [START - item.created for item in platform.world.rows(Source.COMPLETIONS)]

    assert 29 * MINUTE < max(ages) <= 30 * MINUTE + SECOND
    assert platform.world.effects == Effects(credit_factor=20)
    assert sum(item.credits or 0 for item in platform.world.rows(Source.COMPLETIONS)) / len(ages) < 2 * MICRO
