"""A list of the API in memory, newest rows first, paged by cursor: the bodies that a server would send, without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks import rows
from exporter.simulator.items import Item


class Listing:
    """Bodies of pages; ``observed`` (µs) is when they are listed: a minute after the last row."""

    def __init__(self, items: Sequence[Item], *, content: int = 0) -> None:
        newest_first = items[::-1]
        self.observed = max(item.visible for item in items) + 60_000_000
        self._lines = rows.lines(newest_first, content=content)
        self._places = {item.id: place for place, item in enumerate(newest_first)}

    def body(self, params: Mapping[str, str | int]) -> bytes:
        """The response to a request with these query parameters: ``limit`` rows after the one whose id is ``after``."""
        after = params.get("after")
        start = 0 if after is None else self._places[str(after)] + 1
        end = start + int(params["limit"])
        return rows.encode(self._lines[start:end], has_more=end < len(self._lines))
