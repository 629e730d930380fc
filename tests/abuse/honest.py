"""A client that behaves, while others do not: does it still get in, and how long does that take?"""

from __future__ import annotations

import re
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import httpx

from tests.abuse.subject import Subject

PAUSE_SECONDS: Final = 0.1

_OPEN: Final = re.compile(r"^process_open_fds (\S+)$", re.MULTILINE)


@dataclass(slots=True)
class Service:
    """How one path was served: the time of each answer (s), and how often none came."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def asked(self) -> int:
        return len(self.seconds) + self.refused

    def quantile(self, share: float) -> float:
        """The time that ``share`` of the answers took at most (s); infinite without any."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


class Honest(AbstractContextManager["Honest"]):
    """Asks for health and metrics in turn, each on a fresh connection, as after a restart: nothing is kept warm."""

    def __init__(self, subject: Subject) -> None:
        self.healthy = Service()
        self.scrapes = Service()
        self.descriptors = 0
        """The most files and sockets that the daemon said it had open."""
        self._subject = subject
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="honest client")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(PAUSE_SECONDS):
            self._ask("/-/healthy", self.healthy)
            found = _OPEN.search(self._ask("/metrics", self.scrapes))
            if found:
                self.descriptors = max(self.descriptors, int(float(found.group(1))))

    def _ask(self, path: str, service: Service) -> str:
        began = time.monotonic()
        try:
            with self._subject.caller() as client:
                text = client.get(path).raise_for_status().text
        except httpx.HTTPError:
            service.refused += 1
            return ""
        service.seconds.append(time.monotonic() - began)
        return text
