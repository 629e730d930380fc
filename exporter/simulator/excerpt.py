"""Make the bundled trace from the public data set: ``python -m exporter.simulator.excerpt CONV.csv CODE.csv OUT``.

The sources are ``AzureLLMInferenceTrace_conv.csv`` and ``AzureLLMInferenceTrace_code.csv`` of the AzurePublicDataset
repository. The rows of the output depend on nothing else; its compressed bytes also on the version of zlib.
"""

from __future__ import annotations

import csv
import gzip
import heapq
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

HEADER = "service,gap_ms,input_tokens,output_tokens"

_Row = tuple[int, str, int, int]


def read(path: Path, service: str) -> Iterator[_Row]:
    """Yield (Unix time in ms, service, input tokens, output tokens) of each row of a source file."""
    with path.open(newline="", encoding="ascii") as lines:
        for row in csv.DictReader(lines):
            # Seven decimals, one more than datetime takes.
            at = datetime.fromisoformat(row["TIMESTAMP"][:26]).replace(tzinfo=UTC)
            yield round(at.timestamp() * 1000), service, int(row["ContextTokens"]), int(row["GeneratedTokens"])


def excerpt(conv: Path, code: Path) -> bytes:
    """Return both traces merged by time, as compressed CSV; a gap is the time since the row before, in ms."""
    lines = [HEADER]
    before: int | None = None
    for at, service, input_tokens, output_tokens in heapq.merge(read(conv, "conv"), read(code, "code")):
        gap = 0 if before is None else at - before
        lines.append(f"{service},{gap},{input_tokens},{output_tokens}")
        before = at
    return gzip.compress("\n".join([*lines, ""]).encode("ascii"), compresslevel=9, mtime=0)


def main(arguments: Sequence[str]) -> int:
    """Write the excerpt; return the exit code."""
    if len(arguments) != 3:
        print("usage: python -m exporter.simulator.excerpt CONV.csv CODE.csv OUT.csv.gz", file=sys.stderr)
        return 2
    conv, code, out = map(Path, arguments)
    out.write_bytes(excerpt(conv, code))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
