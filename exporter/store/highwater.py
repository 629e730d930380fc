"""A small file beside the ledger that remembers how far the ledger had come.

It tells three starts apart that look alike from the ledger's own content: the very first one, one whose ledger was
lost (the file is gone, the mark is not), and one whose ledger was rolled back (restored from an older copy).
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from exporter.models import SourceKey


class HighWater(msgspec.Struct, frozen=True):
    """``epoch`` names the ledger, ``commits`` counts its transactions, ``proven`` is each list's frontier (µs)."""

    epoch: str
    commits: int
    proven: dict[str, int]


def frontier_key(source: SourceKey) -> str:
    """How a list is named in the mark: account names have no slash."""
    return f"{source.account}/{source.source}"


def mark_path(ledger: Path) -> Path:
    """Where the mark of ``ledger`` lies."""
    return ledger.with_name(ledger.name + ".mark")


def read(path: Path) -> HighWater | None:
    """Read a mark; None if there is none, or none that can be read (a power failure may leave it empty)."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=HighWater)
    except (OSError, msgspec.DecodeError):
        return None


def write(path: Path, mark: HighWater) -> None:
    """Replace the mark atomically. Not synced: after a power failure an older mark is as good.

    Raises OSError.
    """
    scratch = path.with_name(path.name + ".new")
    with open(scratch, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(msgspec.json.encode(mark))
    os.replace(scratch, path)
