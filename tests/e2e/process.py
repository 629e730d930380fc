"""The exporter as a process of its own: started with a configuration file, asked over HTTP, ended by a signal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx
import yaml

from tests.e2e.scrape import TEXT, Scrape
from tests.e2e.waiting import until

ROOT: Final = Path(__file__).parent.parent.parent
COMMAND: Final = (sys.executable, "-m", "exporter")
KEY: Final = "e2e-api-key-1f9c0b7a"
"""The API key that configurations refer to and stand-ins accept."""

START_SECONDS: Final = 30.0
"""How long a start may take before a test gives up on it."""

_PORTS: Final = re.compile(r"msg\W+listening\W.*?ports[^0-9]*([0-9][0-9, ]*)")


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: its exit code (negative for a signal), and how many seconds that took."""

    code: int
    seconds: float


def environment(**extra: str) -> dict[str, str]:
    """Return an environment without anything of the test run's own but what Python needs, and the API key."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "VLMRUN_API_KEY": KEY, **extra}


def run(*arguments: str, cwd: Path, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the exporter to its end, which has to come within ``START_SECONDS``."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=dict(environment() if environ is None else environ),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def configuration(base_url: str, folder: Path, **sections: Any) -> dict[str, Any]:
    """Return a configuration that polls ``base_url`` fast and counts into ``folder``; ``sections`` change it.

    A section that is a mapping changes single keys of that section, any other replaces it.
    """
    document: dict[str, Any] = {
        "accounts": [{"name": "default", "base_url": base_url, "api_key": {"env": "VLMRUN_API_KEY"}}],
        "poll": {
            "interval": "300ms",
            "max_lateness": "10m",
            "requests_per_minute": 6000,
            "timeout": "5s",
            "start": "2h",
        },
        "ledger": {"path": str(folder / "ledger.db")},
        "metrics": {"birth_hold": "0s"},
    }
    for name, section in sections.items():
        document[name] = {**document.get(name, {}), **section} if isinstance(section, dict) else section
    return document


def write(file: Path, document: Mapping[str, Any]) -> Path:
    """Write a configuration file and return it."""
    file.write_text(yaml.safe_dump(dict(document), sort_keys=False), encoding="utf-8")
    return file


class Exporter(AbstractContextManager["Exporter"]):
    """A running exporter. Leaving its context kills it, if it still runs."""

    def __init__(
        self,
        config: Path,
        *flags: str,
        environ: Mapping[str, str] | None = None,
        listen: Sequence[str] = ("127.0.0.1:0",),
        command: Sequence[str] = COMMAND,
    ) -> None:
        """Start it in the folder of ``config``; the log goes on in ``exporter.log`` there."""
        self.log_file = config.parent / "exporter.log"
        self._logged_before = self.log_file.stat().st_size if self.log_file.exists() else 0
        addresses = [f"--web.listen-address={address}" for address in listen]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, f"--config.file={config}", *addresses, *flags],
                cwd=config.parent,
                env=dict(environment() if environ is None else environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._ports: tuple[int, ...] = ()
        # An environment's proxy is none of a loopback server's business.
        self.http = httpx.Client(timeout=10.0, trust_env=False, headers={"accept-encoding": "identity"})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def logs(self) -> str:
        """What this process has written to standard output and standard error so far."""
        with self.log_file.open("rb") as log:
            log.seek(self._logged_before)
            return log.read().decode("utf-8", "replace")

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports it listens on, once it says so in its log."""
        if not self._ports:
            found = until(self._listening, START_SECONDS, "the exporter listens")
            self._ports = tuple(int(port) for port in found.group(1).split(","))
        return self._ports

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.ports[0]}"

    def ready(self, seconds: float = START_SECONDS) -> Self:
        """Wait until ``/-/ready`` answers 200, then return the exporter."""
        until(lambda: self.get("/-/ready").status_code == 200, seconds, "/-/ready answers 200")
        return self

    def get(self, path: str, **headers: str) -> httpx.Response:
        """GET a path; ``accept_encoding="gzip"`` becomes ``accept-encoding: gzip``."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.get(self.url + path, headers=fields)

    def scrape(self, accept: str = TEXT) -> Scrape:
        """Scrape and parse ``/metrics``."""
        answer = self.get("/metrics", accept=accept).raise_for_status()
        return Scrape(answer.text, answer.headers["content-type"])

    def reload(self) -> httpx.Response:
        """POST to ``/-/reload``."""
        return self.http.post(self.url + "/-/reload")

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self.process.kill()
        self.process.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 20.0) -> Exit:
        """Ask it to end, and wait for that up to ``seconds``. Raises subprocess.TimeoutExpired."""
        began = time.monotonic()
        self.send(number)
        return self.exit(seconds, began)

    def exit(self, seconds: float = START_SECONDS, began: float | None = None) -> Exit:
        """Wait for the end, which is expected to come by itself. Raises subprocess.TimeoutExpired."""
        began = time.monotonic() if began is None else began
        code = self.process.wait(seconds)
        return Exit(code, time.monotonic() - began)

    def _listening(self) -> re.Match[str] | None:
        found = _PORTS.search(self.logs)
        assert found or self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.logs}"
        return found
