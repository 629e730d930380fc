"""A scraper that never rests: it reads /metrics through every restart, and notes each counter that goes back."""

from __future__ import annotations

import gzip
import re
import threading
from http.client import HTTPException
from typing import NamedTuple, Self
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from tests.e2e.scrape import TEXT

_COUNTING = ("counter", "histogram")

_SAMPLE = re.compile(r'([^ {]+(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?) ([^ ]+)')
"""Name with labels, and value; what may follow is an exemplar."""


class Decrease(NamedTuple):
    """A series that was seen to go back."""

    series: str
    before: float
    after: float


def counters(text: str) -> dict[str, float]:
    """Return the exporter's counters and histograms of a scrape in either format, by name with labels as written."""
    found = {}
    counting = False
    for line in text.split("\n"):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            counting = name.startswith("vlmrun_") and kind in _COUNTING
        elif counting and not line.startswith("#") and (sample := _SAMPLE.match(line)):
            found[sample[1]] = float(sample[2])
    return found


class Watch:
    """Scrapes ``url`` on a thread of its own while its context lasts."""

    def __init__(self, url: str, pause: float = 0.05, *, accept: str = TEXT, encoding: str = "identity") -> None:
        """Rest ``pause`` seconds after every scrape, or attempt at one."""
        self.scrapes = 0
        self.latest = ""
        """The last scrape."""
        self.decreases: list[Decrease] = []
        self.gone: set[str] = set()
        """Series that were missing from a later scrape."""
        self._request = Request(url, headers={"accept": accept, "accept-encoding": encoding})
        self._opener = build_opener(ProxyHandler({}))
        self._pause = pause
        self._seen: dict[str, float] = {}
        self._failure: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def check(self, now: dict[str, float]) -> None:
        """Compare a scrape with the ones before it."""
        for series, value in now.items():
            before = self._seen.get(series)
            if before is not None and value < before:
                self.decreases.append(Decrease(series, before, value))
        self.gone.update(self._seen.keys() - now.keys())
        self._seen.update(now)
        self.scrapes += 1

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                text = self._scrape()
                if text:
                    self.check(counters(text))
                    self.latest = text
                self._stop.wait(self._pause)
        except Exception as error:  # told when the context ends
            self._failure = error

    def _scrape(self) -> str | None:
        """Return the body of one scrape, None if the exporter is not there, or dies over it."""
        try:
            with self._opener.open(self._request, timeout=10) as answer:
                body: bytes = answer.read()
                packed = answer.headers.get("content-encoding") == "gzip"
                return (gzip.decompress(body) if packed else body).decode("utf-8")
        except (URLError, HTTPException, OSError):
            return None
