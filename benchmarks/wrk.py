"""wrk, one connection, as a Prometheus has one: the next request is sent when the last one is answered."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from benchmarks.exporter import ACCEPT
from benchmarks.subjects import SubjectError

TIMEOUT = 60
"""Seconds for one answer."""

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_ERRORS = re.compile(r"Socket errors: (.*)|Non-2xx or 3xx responses: (\d+)")


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw: mean, p50 and p99 of the seconds to an answer; requests in all and a second; bytes of each."""

    mean: float
    p50: float
    p99: float
    requests: int
    rate: float
    size: float


def load(port: int, seconds: int, *, gzip: bool) -> Load:
    """Scrape ``/metrics`` on a port for so long, or longer if not one answer came.

    Raises SubjectError if there is no wrk, no server, or a bad answer.
    """
    encoding = ["-H", "Accept-Encoding: gzip"] if gzip else []
    url = f"http://127.0.0.1:{port}/metrics"
    while seconds <= TIMEOUT:
        command = ["wrk", "-t1", "-c1", f"-d{seconds}s", f"--timeout={TIMEOUT}s", "--latency", *encoding]
        try:
            done = subprocess.run(
                [*command, "-H", f"Accept: {ACCEPT}", url], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise SubjectError(f"wrk: {error}") from error
        if seen := parse(done.stdout):
            return seen
        seconds *= 2
    raise SubjectError(f"wrk: {url} has not answered within {TIMEOUT} s")


def parse(said: str) -> Load | None:
    """Read what wrk prints; None if not one request was answered. Raises SubjectError if it tells of errors."""
    if errors := _ERRORS.search(said):
        raise SubjectError(f"wrk: {errors.group()}")
    total = re.search(r"(\d+) requests in [\d.]+\w+, ([\d.]+)([KMG]?)B read", said)
    assert total is not None, said
    requests = int(total.group(1))
    if not requests:
        return None
    size = float(total.group(2)) * 1024.0 ** " KMG".index(total.group(3) or " ")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert rate is not None, said
    mean, p50, p99 = _seconds(said, "Latency"), _seconds(said, "50%"), _seconds(said, "99%")
    return Load(mean, p50, p99, requests, float(rate.group(1)), size / requests)


def _seconds(said: str, name: str) -> float:
    """The time that is first in the line that begins with ``name``."""
    found = re.search(rf"^\s*{name}\s+([\d.]+)(us|ms|s|m)\b", said, re.MULTILINE)
    assert found is not None, said
    return float(found.group(1)) * _UNITS[found.group(2)]
