"""mtail over a log with one row a line, as if somebody had written each page there: that part is not measured.

A round is one run of mtail from start to end, less one over an empty log: it reads, counts, and prints its metrics.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.peers.subject import Sums, arguments, say
from exporter.metrics import catalog
from exporter.metrics.catalog import COMPLETION_FAMILIES, Family, Kind

RULES = Path(__file__).with_name("completions.mtail")


@dataclass(frozen=True, slots=True)
class Run:
    """What a run of mtail took, in seconds, and the metrics that it printed."""

    wall: float
    cpu: float
    text: str


def main() -> None:
    """Run mtail over the pages of the command line's folder, a round for every line of standard input."""
    folder = arguments(__doc__).parse_args().folder
    bodies = [path.read_bytes() for path in sorted(folder.glob("page-*.json"))]
    said = subprocess.run(["mtail", "--version"], capture_output=True, text=True, check=True).stdout
    with TemporaryDirectory() as scratch:
        place = Path(scratch)
        program = place / "program" / RULES.name
        program.parent.mkdir()
        program.write_text(_declarations() + RULES.read_text())
        log, empty = place / "rows.log", place / "empty.log"
        empty.touch()
        say({"ready": True, "version": said.split()[2]})
        for line in sys.stdin:
            _write(log, bodies[: json.loads(line).get("pages")])
            idle, busy = _run(program, empty), _run(program, log)
            sums = _sums(busy.text)
            wall, cpu = busy.wall - idle.wall, busy.cpu - idle.cpu
            say({"seconds": wall, "cpu": cpu, "units": int(sums["completions"]), "check": sums})


def _declarations() -> str:
    """Declare the families of completions as the exporter's catalogue has them."""
    return "".join(_declaration(family) for family in COMPLETION_FAMILIES if family.kind is not Kind.GAUGE)


def _declaration(family: Family) -> str:
    buckets = f" buckets {', '.join(map(str, family.buckets))}" if family.buckets else ""
    return f"{family.kind} {family.name} by {', '.join(family.labels)}{buckets}\n"


def _write(log: Path, bodies: Iterable[bytes]) -> None:
    with log.open("w") as out:
        for body in bodies:
            for row in json.loads(body)["data"]:
                out.write(json.dumps(row, separators=(",", ":")) + "\n")


def _run(program: Path, log: Path) -> Run:
    """Run mtail from the first to the last line of ``log``. Raises CalledProcessError if it fails."""
    command: Sequence[str | Path] = [
        "mtail",
        "-one_shot",
        "-one_shot_format=prometheus",
        f"-log_dir={log.parent}",
        f"-progs={program.parent}",
        f"-logs={log}",
    ]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(wall, used.ru_utime + used.ru_stime, text)


def _sums(text: str) -> Sums:
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return {
        "completions": found[catalog.COMPLETIONS.name],
        "input_tokens": found[catalog.INPUT_TOKENS.name],
        "output_tokens": found[catalog.OUTPUT_TOKENS.name],
    }


if __name__ == "__main__":
    main()
