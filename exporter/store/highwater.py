"""A small file beside the ledger that remembers how far the ledger had come.

It tells three starts apart that look alike from the ledger's own content: the very first one, one whose ledger was
lost (the file is gone, the mark is not), and one whose ledger was rolled back (restored from an older copy).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec

from exporter.models import SourceKey

SLOT: Final = 4096
"""Where the second of two marks begins in the file: in a block of its own."""

DIGEST_BYTES: Final = 8


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

    Raises OSError: one that cannot be read now may tell of a ledger that was lost or rolled back.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    marks = [mark for slot in (content, content[SLOT:]) if (mark := _parse(slot)) is not None]
    return max(marks, key=lambda mark: mark.commits, default=None)


def write(path: Path, mark: HighWater) -> None:
    """Replace the file atomically. Not synced: after a power failure an older mark is as good.

    It is written after its commit has reached the disk, so that it never knows of more than the ledger does.

    Raises OSError.
    """
    scratch = path.with_name(path.name + ".new")
    with open(scratch, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(bytes(_place(mark)) + _record(mark))
    os.replace(scratch, path)


def advance(path: Path, mark: HighWater) -> None:
    """Write the next mark of the same ledger in place of the one before the last: a tenth of the work of replacing it.

    Should it not be written whole, the last one is still there. Raises OSError.
    """
    record = _record(mark)
    if len(record) > SLOT:
        write(path, mark)
        return
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(file, record, _place(mark))
    finally:
        os.close(file)


def _place(mark: HighWater) -> int:
    """Where in the file a mark goes: the two slots take turns."""
    return mark.commits % 2 * SLOT


def _parse(slot: bytes) -> HighWater | None:
    """The mark that a slot begins with. The first version wrote no digest; a longer mark may have left its end."""
    content, _, rest = slot.partition(b"\n")
    try:
        mark = msgspec.json.decode(content, type=HighWater)
    except (msgspec.DecodeError, UnicodeDecodeError):  # the latter of bytes in a text that are no text
        return None
    return mark if rest[:DIGEST_BYTES] in (b"", _digest(content)) else None


def _record(mark: HighWater) -> bytes:
    content = msgspec.json.encode(mark)
    return content + b"\n" + _digest(content)


def _digest(content: bytes) -> bytes:
    return b"%08x" % crc32(content)
