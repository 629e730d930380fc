"""The API of a daemon that is measured: started as a process, and the terms on which it is asked."""

from __future__ import annotations

from benchmarks import processes
from benchmarks.exporter import Exporter
from benchmarks.setting import worker
from benchmarks.subjects import Running, Subject

UNHURRIED = {"requests_per_minute": 100_000, "page_size": 1000, "start": "14d", "interval": "60s"}
"""A budget of requests that does not hold the daemon back, and a look back to the first row of the list."""

LONGEST = 600.0
"""Seconds that a catch-up may take."""


def upstream(number: int, *, combinations: int = 0) -> Running:
    """Start the API with a list of so many rows, spread over ``combinations`` of model and skill if not 0."""
    return Running(Subject("api", worker("upstream", "--rows", number, "--series", combinations)))


def address(api: Running, shown: int) -> str:
    """The base URL at which it shows the newest so many of them."""
    return f"http://127.0.0.1:{api.ready['port']}/{shown}/v1"


def caught_up(exporter: Exporter, number: int) -> float:
    """Wait until so many rows are counted and shown; return when (s, monotonic). Raises SubjectError."""
    return processes.until(
        lambda: exporter.total("vlmrun_completions_total") >= number, LONGEST, f"{number} rows are counted", pause=0.1
    )
