"""What the kernel says of a process: CPU time and memory. Linux only."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.subjects import SubjectError

TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """CPU seconds that a process has used, user and system."""
    # The second field, the name, is in parentheses and may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss(pid: int) -> int:
    """Bytes in memory now."""
    return _status(pid, "VmRSS:")


def peak_rss(pid: int) -> int:
    """Most bytes in memory so far."""
    return _status(pid, "VmHWM:")


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def until(met: Callable[[], bool], seconds: float, what: str, *, pause: float = 0.02) -> float:
    """Wait until a condition is met, and return when it was (s, monotonic). Raises SubjectError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            raise SubjectError(f"not within {seconds:g} s: {what}")
        time.sleep(pause)
    return time.monotonic()


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
