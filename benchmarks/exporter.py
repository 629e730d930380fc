"""The real exporter as a process: started with a configuration, asked over HTTP, ended by a signal."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.processes import free_port, until
from benchmarks.subjects import GRACE, ROOT, SubjectError

TEXT = "text/plain; version=0.0.4"
ACCEPT = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
"""What Prometheus 2 sends."""

START_SECONDS = 120.0
"""How long a start may take."""


def configuration(base_urls: Mapping[str, str], ledger: Path, **poll: Any) -> dict[str, Any]:
    """Accounts by name at these addresses, with a ``poll`` section; new series are shown at once."""
    return {
        "accounts": [
            {"name": name, "base_url": url, "api_key": {"env": "VLMRUN_API_KEY"}} for name, url in base_urls.items()
        ],
        "poll": poll,
        "ledger": {"path": str(ledger)},
        "metrics": {"birth_hold": "0s"},
    }


class Exporter:
    """A running exporter; to be used as a context, in which it is ready."""

    def __init__(self, folder: Path, config: Mapping[str, Any], *, api_key: str = "none") -> None:
        """Start it with ``config`` and a log in ``folder``."""
        file = folder / "config.yaml"
        file.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        self.port = free_port()
        self._log = (folder / "exporter.log").open("wb")
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "exporter", f"--config.file={file}", f"--web.listen-address=127.0.0.1:{self.port}"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "VLMRUN_API_KEY": api_key},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.started_in = 0.0
        """Seconds from the process's start to its first ``/-/ready`` with 200."""

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def __enter__(self) -> Self:
        try:
            self.started_in = until(self._ready, START_SECONDS, "the exporter is ready", pause=0.005) - self._began
        except SubjectError:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def metrics(self) -> str:
        """Its exposition, as text. Raises SubjectError."""
        return gzip.decompress(self._exposition(**{"Accept": TEXT, "Accept-Encoding": "gzip"})).decode()

    def scrape(self) -> bytes:
        """What a Prometheus gets: compressed. Raises SubjectError."""
        return self._exposition(**{"Accept": ACCEPT, "Accept-Encoding": "gzip"})

    def total(self, family: str, **labels: str) -> float:
        """The sum of the samples of ``family`` that have these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        found = re.finditer(rf"^{family}(?:\{{(.*)\}})? (\S+)$", self.metrics(), re.MULTILINE)
        return sum(float(value) for text, value in (each.groups() for each in found) if all(w in text for w in wanted))

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(GRACE)
        self._log.close()

    def _ready(self) -> bool:
        if self._process.poll() is not None:
            raise SubjectError(f"the exporter ended: {Path(self._log.name).read_text('utf-8', 'replace')[-2000:]}")
        try:
            return self._get("/-/ready", {})[0] == http.client.OK
        except OSError:
            return False

    def _exposition(self, **headers: str) -> bytes:
        status, body = self._get("/metrics", headers)
        if status != http.client.OK:
            raise SubjectError(f"/metrics answers {status}")
        return body

    def _get(self, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path, headers=dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
