"""A real Prometheus that scrapes every target, and what it reports of its scrapes."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.processes import free_port, until
from benchmarks.subjects import GRACE, SubjectError

SCRAPES = 12
"""How often a target is scraped while it is watched; one that takes long, a quarter of that."""

LONG = 1.0
"""A server that takes more seconds to answer is not asked as often: it would keep the machine busy for the others."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server of ``/metrics``, and the seconds that it takes to answer when nothing else goes on."""

    port: int
    answers_in: float


def durations(folder: Path, targets: Mapping[str, Target], seconds: float) -> dict[str, list[float]]:
    """The ``scrape_duration_seconds`` of each of ``targets`` in so many seconds, from when all were scraped once.

    Raises SubjectError if there is no Prometheus, or a target was not scraped.
    """
    folder.mkdir()
    jobs = []
    for name, target in targets.items():
        interval = f"{round(1000 * seconds / SCRAPES * (4 if target.answers_in > LONG else 1))}ms"
        static = [{"targets": [f"127.0.0.1:{target.port}"]}]
        jobs.append(
            {"job_name": name, "scrape_interval": interval, "scrape_timeout": interval, "static_configs": static}
        )
    config = {"scrape_configs": jobs}
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    try:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise SubjectError(f"prometheus: {error}") from error
    try:
        until(lambda: _scraped(url) == targets.keys(), GRACE + seconds, "every target was scraped once", pause=0.1)
        time.sleep(seconds)
        return {name: _seen(url, name, seconds) for name in targets}
    finally:
        process.terminate()
        process.wait(GRACE)


def _scraped(url: str) -> Set[str]:
    """The jobs that have been scraped so far."""
    return {series["metric"]["job"] for series in _query(url, "up == 1")}


def _seen(url: str, job: str, seconds: float) -> list[float]:
    """What was reported of a job's scrapes, the first one left out."""
    window = f'{{job="{job}"}}[{round(1000 * seconds) + 60_000}ms]'
    up = {time for time, value in _values(url, f"up{window}") if value == "1"}
    # A scrape that failed has a duration all the same.
    values = [float(value) for time, value in _values(url, f"scrape_duration_seconds{window}") if time in up]
    if len(values) < 2:
        raise SubjectError(f"Prometheus has scraped {job} well {len(values)} times in {seconds:g} s")
    return values[1:]


def _values(url: str, query: str) -> list[tuple[float, str]]:
    """The samples of a range query of one series, by time."""
    return [(time, value) for series in _query(url, query) for time, value in series["values"]]


def _query(url: str, query: str) -> list[dict[str, Any]]:
    """The result of an instant query; empty while Prometheus starts."""
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{urlencode({'query': query})}") as answer:
            result = json.load(answer)["data"]["result"]
    except OSError:
        return []
    assert isinstance(result, list)
    return result
