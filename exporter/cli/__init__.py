"""The command ``vlmrun-exporter``: flags, subcommands, exit codes.

Exit codes: 0 after SIGTERM or SIGINT, 1 if it cannot run (ledger, address), 2 if it was asked for something wrong
(flags, configuration).
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``vlmrun-exporter`` with ``arguments`` (default: the process's own) and return its exit code."""
    # A reload may be asked for as soon as the process is there, and SIGHUP kills by default: it is ignored until there
    # is something to reload. The imports are most of a start, hence their place.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from exporter.cli import commands

    return commands.run(sys.argv[1:] if arguments is None else arguments)
