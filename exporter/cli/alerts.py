"""``alerts test`` and ``alerts drill``: will an alert reach somebody, and when would the rules have fired."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from exporter.alerts.alertmanager import Alertmanager, AlertmanagerError
from exporter.alerts.testing import AlertTest
from exporter.cli import exits
from exporter.cli.flags import Flags, variable
from exporter.clock import SystemClock
from exporter.config.units import parse_duration
from exporter.version import __version__

LONGEST: Final = 3600.0
"""Seconds: the upper limit of both durations."""

HELP: Final = """\
commands:
  test     send a test alert per severity to an Alertmanager, and say what it did with it
  drill    replay a history through the alerting rules, and say when each would have fired

Each has its own --help.
"""


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the sub-command that the ``arguments`` after ``alerts`` ask for and return the exit code."""
    programs: dict[str, Callable[[Sequence[str], Mapping[str, str]], int]] = {"test": _test, "drill": _drill}
    parser = argparse.ArgumentParser(
        prog="vlmrun-exporter alerts",
        usage="%(prog)s COMMAND [--FLAG ...]",
        description="Try alerting out: before it is needed, and without production.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if not arguments:
        parser.print_help(sys.stderr)
        return exits.USAGE
    if program := programs.get(arguments[0]):
        return program(arguments[1:], environ)
    parser.parse_known_args(arguments)  # answers --help
    parser.error(f"no such command: {arguments[0]} (allowed: {', '.join(programs)})")


def _drill(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    # Imported when asked for: much comes with it.
    from exporter.cli import drill

    return drill.run(arguments, environ)


def _test(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    flags = Flags(
        environ,
        prog="vlmrun-exporter alerts test",
        description=(
            "Send one clearly marked test alert per severity to an Alertmanager and say what it did with it. People "
            "are notified, as by a real alert. Exits with 0 if everybody who should be notified was, with 1 if not."
        ),
        epilog=f"A URL with a password is better given as {variable('alertmanager.url')}: flags are seen by everybody "
        "on the machine.",
    )
    flags.add(
        "alertmanager.url",
        default="",
        help="http://HOST:9093, with the route prefix if there is one, with USER:PASSWORD@ for basic authentication",
    )
    flags.add("alertmanager.timeout", default="10s", help="how long a request may take")
    flags.add("alertmanager.wait", default="60s", help="how long notifications may take; group_wait has to fit in")
    values = flags.parse(arguments)
    try:
        timeout, wait = (_duration(values, flag) for flag in ("alertmanager.timeout", "alertmanager.wait"))
        alertmanager = _alertmanager(values["alertmanager.url"], timeout)
    except ValueError as error:
        return exits.fail(error, exits.USAGE)

    async def test() -> bool:
        try:
            return await AlertTest(alertmanager, SystemClock(), wait=wait, host=socket.gethostname(), say=_say).run()
        finally:
            await alertmanager.aclose()

    try:
        return 0 if asyncio.run(test()) else exits.FAILED
    except AlertmanagerError as error:
        return exits.fail(error, exits.FAILED)
    except KeyboardInterrupt:
        return exits.fail(
            "interrupted; test alerts that were sent are resolved, or end by themselves", exits.INTERRUPTED
        )


def _alertmanager(url: str, timeout: float) -> Alertmanager:
    if not url:
        raise ValueError("--alertmanager.url is needed, for example http://alertmanager:9093")
    try:
        return Alertmanager(url, timeout=timeout, user_agent=f"vlmrun-exporter/{__version__}")
    except ValueError as error:
        raise ValueError(f"--alertmanager.url {error}; want for example http://alertmanager:9093") from None


def _duration(values: Mapping[str, str], flag: str) -> float:
    """Return the seconds of a flag. Raises ValueError."""
    try:
        seconds = parse_duration(values[flag])
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"--{flag}: {values[flag]!r} (allowed: a duration such as 30s or 1m30s, at most 1h)")
    return seconds


def _say(line: str) -> None:
    print(line, flush=True)
