"""A history from a Prometheus that has scraped the exporter: its stored samples, with their own times."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Iterator
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec

from exporter.alerts.drill import answers
from exporter.alerts.drill.ends import UP, Ends
from exporter.alerts.drill.samples import Chunk

JOB: Final = "vlmrun-exporter"
"""The scrape job that the rules assume."""

_WINDOW: Final = 3_600_000
"""How much is asked for at a time (ms)."""


class RecordedError(Exception):
    """The Prometheus does not answer, or refuses."""


def history(url: str, needed: Collection[str], since: int, until: int) -> Iterator[Chunk]:
    """Yield the samples of the ``needed`` metrics after ``since``, up to ``until`` (ms). Raises RecordedError."""
    names = [UP, *sorted(set(needed) - {UP})]
    trust = ssl.create_default_context()  # the system's authorities, as everywhere else
    with httpx.Client(base_url=url.rstrip("/") + "/", verify=trust, timeout=120.0, follow_redirects=True) as http:
        ends = Ends()
        for start in range(since, until, _WINDOW):
            end = min(until, start + _WINDOW)
            for name in names:
                for chunk in _stored(http, url, name, start, end):
                    ends.note(chunk)
                    yield ends.within(chunk)
            yield from ends.of_the_rest()


def _stored(http: httpx.Client, url: str, name: str, start: int, end: int) -> Iterator[Chunk]:
    selector = name if name.startswith("vlmrun_") else f'{name}{{job="{JOB}"}}'
    form = {"query": f"{selector}[{end - start}ms]", "time": f"{end / 1000:.3f}"}
    shown = urlsplit(url)._replace(netloc=urlsplit(url).netloc.rpartition("@")[2]).geturl()
    try:
        answer = http.post("api/v1/query", data=form)
    except httpx.HTTPError as error:
        raise RecordedError(f"{shown} does not answer: {str(error) or type(error).__name__}") from None
    if answer.is_error:
        raise RecordedError(f"{shown} answered {answer.status_code}: {' '.join(answer.text.split())[:300]}")
    try:
        found = answers.decode(answer.content)
    except msgspec.MsgspecError:
        raise RecordedError(f"{shown} does not answer as a Prometheus does") from None
    for each in found:
        # Older servers count a sample at the start of the range in, newer ones don't.
        samples = [(round(time * 1000), float(value)) for time, value in each.values]
        samples = [(time, value) for time, value in samples if start < time <= end]
        if samples:
            times, values = zip(*samples, strict=True)
            yield Chunk(each.labels, times, values)
