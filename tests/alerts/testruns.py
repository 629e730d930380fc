"""Runs of ``alerts test`` as a user starts them, against a real Alertmanager with three receivers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests import realservers
from tests.alerts.receiving import Webhook
from tests.e2e.alertmanager import Alertmanager, alertmanager
from tests.e2e.process import COMMAND, environment, run, write

INHIBIT = [{"source_matchers": ['alertname="VLMRunExporterDown"'], "target_matchers": ['severity="critical"']}]


def configuration(hook: Webhook, *, critical: int = 200, warning: int = 200, **route: Any) -> dict[str, Any]:
    """Return a configuration: critical to pager, warning to team, which answer like that; info to nobody."""

    def receiver(name: str, status: int) -> dict[str, Any]:
        return {"name": name, "webhook_configs": [{"url": f"{hook.url}/{status}/{name}"}]}

    return {
        "route": {
            "receiver": "nobody",
            "group_by": ["alertname", "account"],
            "group_wait": "100ms",
            "group_interval": "5m",
            "routes": [
                {"matchers": ['severity="critical"'], "receiver": "pager"},
                {"matchers": ['severity="warning"'], "receiver": "team"},
            ],
            **route,
        },
        "inhibit_rules": INHIBIT,
        "receivers": [receiver("pager", critical), receiver("team", warning), {"name": "nobody"}],
    }


@contextmanager
def running(folder: Path, config: Mapping[str, Any]) -> Iterator[Alertmanager]:
    """Run Alertmanager with a configuration."""
    binary = realservers.require("alertmanager")
    with alertmanager(binary, folder, write(folder / "alertmanager.yml", config)) as server:
        yield server


def alerts_test(folder: Path, url: str, *flags: str, wait: str = "20s") -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return run("alerts", "test", f"--alertmanager.url={url}", f"--alertmanager.wait={wait}", *flags, cwd=folder)


@contextmanager
def started(server: Alertmanager, wait: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command, told by variables; it does not outlive the context."""
    environ = environment(VLMRUN_EXPORTER_ALERTMANAGER_URL=server.url, VLMRUN_EXPORTER_ALERTMANAGER_WAIT=wait)
    with subprocess.Popen(
        [*COMMAND, "alerts", "test"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def silence(server: Alertmanager, label: str, pattern: str, comment: str) -> datetime:
    """Silence what matches for an hour, and return when that ends."""
    now = datetime.now(UTC)
    ends = (now + timedelta(hours=1)).replace(microsecond=0)
    document = {
        "matchers": [{"name": label, "value": pattern, "isRegex": True, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": ends.isoformat(),
        "createdBy": "ops",
        "comment": comment,
    }
    server.http.post("/api/v2/silences", json=document).raise_for_status()
    return ends
