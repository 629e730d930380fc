"""A server of Prometheus's family as a process: started, ready, asked over HTTP, and ended with its test."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.e2e.waiting import until

READY_SECONDS = 30.0
"""How long a start may take before a test gives up on it."""


@contextmanager
def serving(name: str, command: Sequence[str | Path], folder: Path, address: str) -> Iterator[httpx.Client]:
    """Run ``command`` in ``folder``, logging there; yield a client of ``address`` (HOST:PORT) once it is ready."""
    log = folder / f"{name}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*command, f"--web.listen-address={address}"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        # An environment's proxy is none of a loopback server's business.
        with httpx.Client(base_url=f"http://{address}", timeout=30.0, trust_env=False) as http:

            def ready() -> bool:
                assert process.poll() is None, log.read_text("utf-8", "replace")
                try:
                    return http.get("/-/ready").status_code == 200
                except httpx.TransportError:
                    return False

            until(ready, READY_SECONDS, f"{name} is ready")
            yield http
    finally:
        process.terminate()
        process.wait(30.0)
