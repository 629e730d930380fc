"""How a subject talks to the driver: a line of JSON when it is ready, then one for every round that it is asked for."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from exporter.version import __version__


class Stopwatch:
    """Adds up wall time and CPU time (s, user and system) of the sections it is told to measure."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure a section."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu


def answer(play: Callable[[Mapping[str, Any]], Mapping[str, Any]], **known: Any) -> None:
    """Say that the subject is ready and what else is known, then ``play`` a round for every line, until input ends."""
    _say({"ready": True, "version": __version__, **known})
    for line in sys.stdin:
        _say(play(json.loads(line)))


def _say(message: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
