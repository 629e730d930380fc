"""A real Alertmanager: it takes alerts, routes and inhibits them, and says what it did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.host import free_port
from tests.e2e.serving import serving


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """A running server."""

    http: httpx.Client

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return str(self.http.base_url).rstrip("/")

    def alerts(self) -> list[dict[str, Any]]:
        """Return what it knows of alerts that have not ended, as ``/api/v2/alerts`` has it."""
        found: list[dict[str, Any]] = self.http.get("/api/v2/alerts").raise_for_status().json()
        return found

    def groups(self) -> list[dict[str, Any]]:
        """Return the groups that it makes of them, each for one receiver, as ``/api/v2/alerts/groups`` has it."""
        found: list[dict[str, Any]] = self.http.get("/api/v2/alerts/groups").raise_for_status().json()
        return found

    def post(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Send alerts, with ``labels`` and what else they have; raise httpx.HTTPStatusError on a refusal."""
        self.http.post("/api/v2/alerts", json=[dict(alert) for alert in alerts]).raise_for_status()


@contextmanager
def alertmanager(binary: Path, folder: Path, config: Path) -> Iterator[Alertmanager]:
    """Run ``binary`` on a configuration file, alone, with its data in ``folder``; it answers once it is ready.

    Relative paths in the configuration are relative to its file.
    """
    address = f"127.0.0.1:{free_port()}"
    command = (
        binary,
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.external-url=http://{address}",
        "--cluster.listen-address=",
    )
    with serving("alertmanager", command, folder, address) as http:
        yield Alertmanager(http)
