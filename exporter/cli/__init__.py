"""The command ``vlmrun-exporter``: flags, subcommands, exit codes.

Exit codes: 0 after SIGTERM or SIGINT, 1 if it cannot run (ledger, address), 2 if it was asked for something wrong
(flags, configuration).
"""

from exporter.cli.main import main

__all__ = ["main"]
