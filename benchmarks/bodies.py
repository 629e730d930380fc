"""The input that every ingest subject reads: a folder of page bodies, and what must come out of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import rows
from exporter.models import Status
from exporter.simulator.items import Item


@dataclass(frozen=True, slots=True)
class Sums:
    """What a subject must have counted of some rows."""

    completions: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


def truth(items: Sequence[Item], *, failed_tokens: bool = True) -> list[Sums]:
    """What the newest 0, 1, 2, ... of ``items`` add up to, with or without the tokens of those that failed."""
    sums = [Sums()]
    for item in reversed(items):
        tokens = failed_tokens or item.status is Status.SUCCESS
        inputs, outputs = (item.input_tokens or 0, item.output_tokens or 0) if tokens else (0, 0)
        last = sums[-1]
        sums.append(Sums(last.completions + 1, last.input_tokens + inputs, last.output_tokens + outputs))
    return sums


def write(folder: Path, items: Sequence[Item], *, content: int = 0, page_size: int = 1000) -> int:
    """Write the pages of ``items``, newest first, as ``page-00000.json`` and so on; return how many bytes they are."""
    folder.mkdir(parents=True)
    lines = rows.lines(items[::-1], content=content)
    size = 0
    for number, start in enumerate(range(0, len(lines), page_size)):
        end = start + page_size
        size += (folder / f"page-{number:05}.json").write_bytes(
            rows.encode(lines[start:end], has_more=end < len(lines))
        )
    return size
