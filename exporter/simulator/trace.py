"""The bundled production trace: real arrival times and token counts, replayed for ever."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from itertools import count
from typing import NamedTuple

_FILE = "azure-llm-2023.csv.gz"


class Service(StrEnum):
    """Which of the two traced services a request went to: long prompts and short answers (code), or chats (conv)."""

    CONV = "conv"
    CODE = "code"


class Request(NamedTuple):
    """One traced request; ``offset`` is in microseconds after the first."""

    offset: int
    service: Service
    input_tokens: int
    output_tokens: int


class Arrival(NamedTuple):
    """A replayed request: the ``number``-th since the replay's start, at a time in microseconds since the epoch."""

    number: int
    at: int
    request: Request


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests by time; the next round begins ``period`` microseconds after the first request of the last one."""

    requests: Sequence[Request]
    period: int

    def replay(self, start: int, speed: float) -> Iterator[Arrival]:
        """Yield arrivals without end from ``start`` on, ``speed`` times as fast as they were recorded."""
        size = len(self.requests)
        for number in count():
            turn, index = divmod(number, size)
            request = self.requests[index]
            yield Arrival(number, start + round((turn * self.period + request.offset) / speed), request)


@cache
def load() -> Trace:
    """Return the bundled trace, 28,185 requests of one hour; it never changes, so it is read once."""
    packed = files(__package__).joinpath("data", _FILE).read_bytes()
    requests = []
    offset = 0
    for row in csv.DictReader(io.StringIO(gzip.decompress(packed).decode("ascii"))):
        offset += int(row["gap_ms"]) * 1000
        request = Request(offset, Service(row["service"]), int(row["input_tokens"]), int(row["output_tokens"]))
        requests.append(request)
    # The mean gap, not zero, between the last request of a round and the first of the next.
    return Trace(tuple(requests), offset + offset // len(requests))
