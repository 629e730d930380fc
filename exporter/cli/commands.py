"""Parses the command line and runs what it asks for."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from exporter.cli import alerts, exits
from exporter.cli import flags as flag_names
from exporter.cli.demo import demo, simulate
from exporter.cli.flags import COMMANDS, Flags, optional_path, whole_number
from exporter.cli.hardening import forbid_core_dumps
from exporter.clock import SystemClock
from exporter.config import ConfigError, Shard, check_secrets, load
from exporter.daemon import CannotRun, Daemon, Options
from exporter.logs import Redactor, configure, log_crashes
from exporter.simulator import SCENARIOS
from exporter.web.access import load_access


def run(arguments: Sequence[str]) -> int:
    """Run what the ``arguments`` after the program's name ask for and return the exit code."""
    given = list(arguments)
    command = given.pop(0) if given and given[0] in COMMANDS else "serve"
    programs: dict[str, Callable[[Sequence[str], Mapping[str, str]], int]] = {
        "serve": _serve,
        "demo": _demo,
        "simulate": _simulate,
        "alerts": alerts.run,
    }
    return programs[command](given, os.environ)


def _serve(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    flags = Flags(
        environ,
        prog="vlmrun-exporter",
        description="Prometheus exporter for VLM Run: counts every completion exactly once.",
        epilog="Commands: serve (the default), demo, simulate, alerts, healthcheck; each has its own --help.",
    )
    flags.add("config.file", default="", help="YAML configuration; without it built-in defaults and VLMRUN_API_KEY")
    flags.add_switch("config.check", help="check the configuration and exit: 0 if it is good, 2 if not")
    flag_names.add_shard(flags)
    flag_names.add_web(flags)
    flag_names.add_logging(flags)
    flag_names.add_version(flags)
    values = flags.parse(arguments)
    config_file, web_config_file = optional_path(values["config.file"]), optional_path(values["web.config.file"])
    redactor = _log(values)
    try:
        shard = Shard(*(whole_number(values[flag], flag) for flag in ("shard.index", "shard.count")))
    except ValueError as error:
        return exits.fail(error, exits.USAGE)
    if values["config.check"]:
        return _check(config_file, web_config_file, shard, environ)
    options = Options(
        config_file=config_file,
        listen_addresses=tuple(values["web.listen-address"]),
        telemetry_path=values["web.telemetry-path"],
        lifecycle=values["web.enable-lifecycle"],
        environ=environ,
        shard=shard,
        web_config_file=web_config_file,
    )

    async def serve() -> None:
        await _daemon(options, redactor).run()

    return _run(serve)


def _check(config_file: Path | None, web_config_file: Path | None, shard: Shard, environ: Mapping[str, str]) -> int:
    names: list[str] = []
    try:
        config = load(config_file, environ)
        names = [account.name for account in shard.part_of(config).accounts]
        problems = check_secrets(config, environ, names)
    except ConfigError as error:
        problems = error.problems
    try:
        if web_config_file is not None:
            load_access(web_config_file)
    except ConfigError as error:
        problems = (*problems, *error.problems)
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        share = f"; shard {shard.index} of {shard.count} polls {', '.join(names) or 'no account'}"
        print(f"the configuration is good{share if shard.count > 1 else ''}")
    return exits.USAGE if problems else 0


def _demo(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    flags = Flags(
        environ,
        prog="vlmrun-exporter demo",
        description="Start a stand-in for the VLM Run API that replays production traffic, and the exporter on it.",
    )
    _add_simulation(flags)
    flag_names.add_web(flags)
    flag_names.add_logging(flags)
    values = flags.parse(arguments)
    redactor = _log(values)
    return _run(lambda: demo(values, environ, lambda options: _daemon(options, redactor)))


def _simulate(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    flags = Flags(
        environ,
        prog="vlmrun-exporter simulate",
        description="Start only the stand-in for the VLM Run API.",
    )
    _add_simulation(flags)
    flags.add("simulate.listen-address", default="127.0.0.1:9878", help="HOST:PORT of the stand-in")
    flags.add("simulate.api-key", default="demo", help="the key that it accepts")
    flags.add("simulate.requests-per-minute", default="0", help="answer 429 beyond this, 0 for no limit")
    flag_names.add_logging(flags)
    values = flags.parse(arguments)
    _log(values)
    return _run(lambda: simulate(values))


def _add_simulation(flags: Flags) -> None:
    flags.add("scenario", default="steady", help="what happens", choices=tuple(SCENARIOS))
    flags.add("simulate.speed", default="1", help="how many times as fast as recorded the traffic is replayed")
    flags.add("simulate.seed", default="1", help="the same seed gives the same traffic")


def _log(values: Mapping[str, Any]) -> Redactor:
    redactor = configure(values["log.level"], values["log.format"])
    log_crashes()
    return redactor


def _daemon(options: Options, redactor: Redactor) -> Daemon:
    forbid_core_dumps()
    daemon = Daemon(options, clock=SystemClock(), redactor=redactor)
    gc.freeze()  # modules and configuration are there to stay: to look for garbage among them costs more than a page
    return daemon


def _run(program: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run to the end; say in one line why it could not."""
    try:
        asyncio.run(program())
    except ConfigError as error:
        print(error, file=sys.stderr)
        return exits.USAGE
    except ValueError as error:
        return exits.fail(error, exits.USAGE)
    except (CannotRun, OSError) as error:
        return exits.fail(error, exits.FAILED)
    except KeyboardInterrupt:
        return 0
    return 0
