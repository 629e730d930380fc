"""Run a command beside a Prometheus that holds eight days with incidents, and what the shipped rules said of them.

``python -m tests.dashboards.pictured COMMAND...``: the command finds the address in ``PROMETHEUS_URL``, and in ``FROM``
and ``TO`` the six hours to look at, in seconds since the epoch. Exits as the command does.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from tests import realservers
from tests.dashboards.past import firing, history
from tests.dashboards.past.incidents import HOUR
from tests.dashboards.past.server import over

SHOWN: Final = 6 * HOUR
"""What there is to look at (s)."""

EVALUATED: Final = 7 * HOUR
"""For how long the rules were there (s)."""


def main(command: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    for program in ("prometheus", "promtool"):
        if realservers.find(program) is None:
            print(f"pictured: no {program} on PATH", file=sys.stderr)
            return 1
    # The incidents are meant; nobody needs to read of them.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(prefix="vlmrun-exporter-pictured-") as scratch:
        folder = Path(scratch)
        began = time.monotonic()
        past, made = history.make(history.pictured(int(time.time()) // 60 * 60), folder / "data")
        print(f"pictured: {made.scrapes:,} scrapes, {made.samples:,} samples", file=sys.stderr)
        with over(past, folder) as server:
            fired = {alert.name for alert, _ in firing.evaluate(server, past.end - EVALUATED, past.end)}
            took = time.monotonic() - began
            print(f"pictured: fired in the last 7 h: {', '.join(sorted(fired))} ({took:.0f} s)", file=sys.stderr)
            seen = {"FROM": f"{round(past.end - SHOWN)}", "TO": f"{round(past.end)}"}
            environ = {**os.environ, "PROMETHEUS_URL": str(server.http.base_url), **seen}
            return subprocess.run(command, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
