"""What a run was made on, in words."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import time
from pathlib import Path

from benchmarks.subjects import ROOT

SYNCS = 50


def describe(scratch: Path) -> dict[str, str]:
    """Describe machine, system, disk and commit; what cannot be found out is ``unknown``."""
    return {
        "CPU": f"{_cpu()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{_distribution()}, Linux {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "SQLite": sqlite3.sqlite_version,
        "disk": f"{_filesystem(scratch)}, fsync of a page of 4 KiB in {_sync(scratch) * 1e6:,.0f} µs (median)",
        "Prometheus": _first_line("prometheus", "--version"),
        "wrk": _first_line("wrk", "--version"),
        "commit": _commit(),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine() or "unknown"


def _distribution() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")


def _filesystem(folder: Path) -> str:
    """The type of the file system that holds ``folder``: that of its longest mount point."""
    mounts = (line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines())
    holding = [(point, kind) for _, point, kind, *_ in mounts if folder.resolve().is_relative_to(point)]
    return max(holding, key=lambda each: len(each[0]), default=("", "unknown"))[1]


def _sync(folder: Path) -> float:
    """Seconds that it takes to write a page and have it on the disk."""
    file = folder / "sync"
    seconds = []
    with file.open("wb", buffering=0) as stream:
        for _ in range(SYNCS):
            began = time.perf_counter()
            stream.write(bytes(4096))
            os.fsync(stream.fileno())
            seconds.append(time.perf_counter() - began)
    file.unlink()
    return statistics.median(seconds)


def _first_line(*command: str) -> str:
    """What a program says first; wrk says its version and fails."""
    if shutil.which(command[0]) is None:
        return "absent"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().partition("\n")[0] or "unknown"


def _commit() -> str:
    """The commit of the tree, and whether anything in it has changed since."""
    described = ("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    try:
        return subprocess.run(described, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
