"""What the daemon costs while next to nothing happens: the default configuration, three lists every 60 s."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import processes
from benchmarks.exporter import Exporter, configuration
from benchmarks.results import Unit
from benchmarks.setting import Bench
from benchmarks.subjects import GRACE, ROOT, SubjectError

QUIET = "0.01"
"""Speed of the replayed traffic: about five completions a minute."""

KEY = "demo"


def run(bench: Bench) -> None:
    """Watch it; note the share of a core that it takes."""
    folder = bench.folder("quiet")
    with (
        _standin() as base_url,
        Exporter(folder, configuration({"default": base_url}, folder / "ledger.db"), api_key=KEY) as exporter,
    ):
        time.sleep(bench.scale.settling)
        before, began = processes.cpu(exporter.pid), time.monotonic()
        time.sleep(bench.scale.idle)
        used = (processes.cpu(exporter.pid) - before) / (time.monotonic() - began)
    bench.results.note("idle/cores", [used], Unit.NUMBER)


@contextmanager
def _standin() -> Iterator[str]:
    """Run the bundled stand-in for the API; yield its base URL."""
    command = [sys.executable, "-m", "exporter", "simulate", f"--simulate.speed={QUIET}"]
    port = processes.free_port()
    process = subprocess.Popen(
        [*command, f"--simulate.api-key={KEY}", f"--simulate.listen-address=127.0.0.1:{port}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        if (found := re.search(r"http\S+", said)) is None:
            raise SubjectError(f"the stand-in has not started: {said}")
        yield found.group()
    finally:
        process.terminate()
        process.wait(GRACE)
        process.stdout.close()
