"""Run a command beside a Prometheus that scrapes an exporter and evaluates the shipped rules.

``python -m tests.alerts.live COMMAND...``: the command finds its address in ``PROMETHEUS_URL``, and starts once every
recording rule has recorded something. Exits as the command does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests import realservers
from tests.e2e.process import ROOT, Exporter, configuration, write
from tests.e2e.prometheus import Alerting, Prometheus, prometheus
from tests.e2e.standin import standin
from tests.e2e.waiting import until

RULES = sorted((ROOT / "rules").glob("*.rules.yml"))

PATIENCE = 600.0
"""Seconds until the groups that are evaluated every two minutes have recorded what others recorded before them."""

NEED_A_DAY = "_avg1d", "_stddev1d"
"""How records are called that look back a day, less the last hour: of which a young Prometheus has nothing."""


def records() -> set[str]:
    """The names of what the rules record in the first minutes."""
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text("utf-8"))["groups"]]
    names = {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    return {name for name in names if not name.endswith(NEED_A_DAY)}


def recorded(server: Prometheus) -> set[str]:
    """The names of what has been recorded."""
    found = server.values('count by (__name__) ({__name__=~".+:.+"})')
    return {dict(labels)["__name__"] for labels in found}


def main(command: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    binary = realservers.find("prometheus")
    if binary is None:
        print("live: no prometheus on PATH", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="vlmrun-exporter-live-") as scratch, standin(rate=1.0) as upstream:
        folder = Path(scratch)
        budgets = [{"name": "daily", "credits": 1_000_000, "period": "day"}]
        config = write(folder / "config.yaml", configuration(upstream.url, folder, budgets=budgets))
        # Nobody listens there: what fires is not sent to anybody.
        alerting = Alerting(RULES, "127.0.0.1:9", "5m")
        with Exporter(config) as exporter:
            target = exporter.ready().url.removeprefix("http://")
            with prometheus(binary, folder, target, interval="5s", alerting=alerting) as server:
                until(lambda: records() <= recorded(server), PATIENCE, "every rule has recorded", every=1.0)
                url = str(server.http.base_url)
                return subprocess.run(command, env={**os.environ, "PROMETHEUS_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
