"""Where series end. Prometheus marks it, but neither its API nor a dump has the marks: ``up`` must say."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from exporter.alerts.drill.samples import STALE, Chunk, Labels

UP: Final = "up"

_Target = tuple[str, str]
"""The labels ``job`` and ``instance``."""


class Ends:
    """Marks the end of every series of a target at the first failed scrape after its last sample."""

    def __init__(self) -> None:
        self._failed: dict[_Target, list[int]] = {}
        self._open: dict[Labels, int] = {}
        """The last sample of the series that have not ended."""

    def note(self, chunk: Chunk) -> None:
        """Learn of failed scrapes, oldest first, if ``chunk`` tells."""
        if chunk.labels[0][1] == UP:
            failed = [time for time, value in zip(chunk.times, chunk.values, strict=True) if value == 0]
            self._failed.setdefault(_target(chunk.labels), []).extend(failed)

    def within(self, chunk: Chunk) -> Chunk:
        """Put the marks between the samples of ``chunk``, and before the first."""
        target = _target(chunk.labels)
        if chunk.labels[0][1] == UP:
            return chunk
        before = self._open.get(chunk.labels)
        self._open[chunk.labels] = chunk.times[-1]
        if not self._failed.get(target):
            return chunk
        times: list[int] = []
        values: list[float] = []
        for time, value in zip(chunk.times, chunk.values, strict=True):
            if before is not None and (mark := self._after(target, before)) is not None and mark < time:
                times.append(mark)
                values.append(STALE)
            times.append(time)
            values.append(value)
            before = time
        return Chunk(chunk.labels, times, values)

    def of_the_rest(self) -> Iterator[Chunk]:
        """Yield the marks of series that had no sample since."""
        for labels, last in list(self._open.items()):
            if (mark := self._after(_target(labels), last)) is not None:
                del self._open[labels]
                yield Chunk(labels, [mark], [STALE])

    def _after(self, target: _Target, time: int) -> int | None:
        failed = self._failed.get(target, [])
        index = bisect_right(failed, time)
        return failed[index] if index < len(failed) else None


def _target(labels: Labels) -> _Target:
    known = dict(labels)
    return known.get("job", ""), known.get("instance", "")
