"""The command ``vlmrun-exporter``: flags, subcommands, exit codes.

Exit codes: 0 after SIGTERM or SIGINT, 1 if it cannot run (ledger, address), 2 if it was asked for something wrong
(flags, configuration).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

__all__ = ["main"]

_FOR_A_VERDICT: Final = ("alerts", "healthcheck")
"""The commands that end by themselves, and whose exit code says how it went."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``vlmrun-exporter`` with ``arguments`` (default: the process's own) and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    command = given[0] if given else ""
    # A signal that cuts one of the others short must not pass for success.
    if command not in _FOR_A_VERDICT and "--config.check" not in given:
        _bear_early_signals()
    if command == "healthcheck":
        from exporter.cli import healthcheck

        return healthcheck.run(given[1:], os.environ)
    from exporter.cli import commands

    return commands.run(given)


def _bear_early_signals() -> None:
    """Bear signals that come before the command handles them: its imports are most of a start."""
    # A reload may be asked for as soon as the process is there, and SIGHUP kills by default: it is ignored until there
    # is something to reload.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # SIGTERM likewise: until the command handles it there is nothing to drain. By default it would kill, or be ignored
    # where the process is the first of a container.
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, frame: object) -> NoReturn:
    raise SystemExit(0)
