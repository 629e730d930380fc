"""The lines that a subject and its driver speak: one JSON object a line, a round for each that comes in.

``{"ready": true, "version": ...}`` is said once. A round takes ``{"pages": N}`` (only the newest N pages; all without)
and answers with the seconds of wall and of CPU time that the measured section took, how many rows it counted, and the
sums that were read back afterwards, so that nobody is fast because of counting wrong.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypedDict


class Sums(TypedDict):
    """What was counted, over all labels."""

    completions: float
    input_tokens: float
    output_tokens: float


class Peer(Protocol):
    """Counts the rows of page bodies."""

    def count(self, bodies: Sequence[bytes]) -> None:
        """Count every row: the measured section."""

    def sums(self) -> Sums:
        """Read back what was counted."""


def arguments(description: str | None) -> ArgumentParser:
    """Return a parser of a subject's command line, which begins with the folder of page bodies."""
    parser = ArgumentParser(description=description)
    parser.add_argument("folder", type=Path, help="with page-00000.json and so on, the newest rows first")
    return parser


def serve(peer: Callable[[], Peer], folder: Path, version: str) -> None:
    """Run a round with a new ``peer`` for every line of standard input."""
    bodies = [path.read_bytes() for path in sorted(folder.glob("page-*.json"))]
    say({"ready": True, "version": version})
    for line in sys.stdin:
        pages = bodies[: json.loads(line).get("pages")]
        counting = peer()
        # The garbage of the round before is not this round's.
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        counting.count(pages)
        seconds, used = time.perf_counter() - wall, time.process_time() - cpu
        sums = counting.sums()
        say({"seconds": seconds, "cpu": used, "units": int(sums["completions"]), "check": sums})


def say(message: dict[str, Any]) -> None:
    """Send a line to the driver."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
