"""``demo`` and ``simulate``: the bundled stand-in, alone or with an exporter on it."""

from __future__ import annotations

import asyncio
import secrets
import signal
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from exporter.cli.flags import optional_path, positive_number, whole_number
from exporter.clock import SystemClock
from exporter.config import Shard
from exporter.daemon import CannotRun, Daemon, Options
from exporter.simulator import SimulatorOptions, run
from exporter.simulator.faults import Limits
from exporter.web.address import parse_address

KEY_VARIABLE = "VLMRUN_EXPORTER_DEMO_KEY"

CONFIG = """\
# The configuration of `vlmrun-exporter demo`: everything faster than you would poll the real API.
accounts:
  - name: demo
    base_url: {base_url}
    api_key: {{env: {key_variable}}}
poll: {{interval: 5s, max_lateness: 6m, start: 5m, requests_per_minute: 600}}
budgets:
  - {{name: daily, credits: 50000, period: day}}
ledger: {{path: {ledger}}}
metrics: {{birth_hold: 5s}}
"""


async def demo(values: Mapping[str, Any], environ: Mapping[str, str], daemon: Callable[[Options], Daemon]) -> None:
    """Run the stand-in on a free loopback port and an exporter on it, until a signal comes."""
    key = secrets.token_urlsafe(24)
    stop = asyncio.Event()
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    # Rows may show up late by less than the demo's max_lateness.
    options = replace(_options(values, port=0, api_key=key), limits=Limits(late_seconds=180))
    with tempfile.TemporaryDirectory(prefix="vlmrun-exporter-demo-") as scratch:
        simulator = asyncio.create_task(run(options, SystemClock(), stop, listening.set_result))
        simulator.add_done_callback(lambda _: listening.cancel())
        try:
            base_url = await listening
        except asyncio.CancelledError:
            await simulator  # raises what went wrong
            raise
        config = Path(scratch) / "demo.yaml"
        config.write_text(
            CONFIG.format(base_url=base_url, key_variable=KEY_VARIABLE, ledger=Path(scratch) / "ledger.db")
        )
        exporter = daemon(
            Options(
                config_file=config,
                listen_addresses=tuple(values["web.listen-address"]),
                telemetry_path=values["web.telemetry-path"],
                lifecycle=values["web.enable-lifecycle"],
                environ={**environ, KEY_VARIABLE: key},
                shard=Shard(),
                web_config_file=optional_path(values["web.config.file"]),
            )
        )
        control = base_url.removesuffix("/v1") + "/simulator"
        try:
            await exporter.run(
                lambda: _greet(
                    f"{exporter.scheme}://localhost:{exporter.ports[0]}", values["web.telemetry-path"], control
                )
            )
        finally:
            stop.set()
            await simulator


async def simulate(values: Mapping[str, Any]) -> None:
    """Run the stand-in alone, until a signal comes."""
    address = parse_address(values["simulate.listen-address"])
    options = _options(values, host=address.host or "127.0.0.1", port=address.port)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    try:
        await run(options, SystemClock(), stop, lambda url: print(f"The stand-in listens on {url}", flush=True))
    except OSError as error:
        raise CannotRun(error.strerror) from None  # without the number, which says nothing to a person


def _greet(url: str, telemetry_path: str, control: str) -> None:
    print(
        f"""
  The demo runs: a stand-in for the VLM Run API replays recorded production traffic, and the exporter polls it.

    metrics        {url}{telemetry_path}
    state          {url}/
    make trouble   curl -X POST {control}/scenario/error-spike

  Stop it with Ctrl-C. It leaves nothing behind.
""",
        flush=True,
    )


def _options(values: Mapping[str, Any], *, port: int, host: str = "127.0.0.1", api_key: str = "") -> SimulatorOptions:
    return SimulatorOptions(
        host=host,
        port=port,
        scenario=values["scenario"],
        seed=whole_number(values["simulate.seed"], "simulate.seed"),
        speed=positive_number(values["simulate.speed"], "simulate.speed", most=10_000),
        api_key=api_key or values["simulate.api-key"],
        rate_limit_per_minute=whole_number(
            values.get("simulate.requests-per-minute", "0"), "simulate.requests-per-minute"
        )
        or None,
    )
