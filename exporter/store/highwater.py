"""A small file beside the ledger that remembers how far the ledger had come.

It tells three starts apart that look alike from the ledger's own content: the very first one, one whose ledger was
lost (the file is gone, the mark is not), and one whose ledger was rolled back (restored from an older copy).
"""

from __future__ import annotations

import os
from pathlib import Path
from zlib import crc32

import msgspec

from exporter.models import SourceKey


class HighWater(msgspec.Struct, frozen=True):
    """``epoch`` names the ledger, ``commits`` counts its transactions, ``proven`` is each list's frontier (µs).

    ``observed`` is when the last page was listed that is counted in it (µs, server's clock).
    """

    epoch: str
    commits: int
    proven: dict[str, int]
    observed: int = 0


def frontier_key(source: SourceKey) -> str:
    """How a list is named in the mark: account names have no slash."""
    return f"{source.account}/{source.source}"


def mark_path(ledger: Path) -> Path:
    """Where the mark of ``ledger`` lies."""
    return ledger.with_name(ledger.name + ".mark")


def read(path: Path) -> HighWater | None:
    """Read a mark; None if there is none, or one that is not what was written (a power failure may leave it empty).

    The first version wrote no digest.

    Raises OSError: one that cannot be read now may tell of a ledger that was lost or rolled back.
    """
    try:
        content, _, digest = path.read_bytes().partition(b"\n")
        mark = msgspec.json.decode(content, type=HighWater)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):  # the latter of bytes in a text that are no text
        return None
    return mark if digest in (b"", _digest(content)) else None


def write(path: Path, mark: HighWater) -> None:
    """Replace the mark atomically. Not synced: after a power failure an older mark is as good.

    It is written after its commit has reached the disk, so that it never knows of more than the ledger does.

    Raises OSError.
    """
    content = msgspec.json.encode(mark)
    scratch = path.with_name(path.name + ".new")
    with open(scratch, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content + b"\n" + _digest(content))
    os.replace(scratch, path)


def _digest(content: bytes) -> bytes:
    return b"%08x" % crc32(content)
