"""Compressed text in pieces that are made once, and joined in any order into one body."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

from exporter.metrics.checksums import Checksum
from exporter.metrics.spelling import Forms

LEVEL = 1
"""zlib's fastest: text that repeats itself as much as this one hardly gets smaller by a higher one."""


END = b"\3\0"
"""An empty last block of deflate."""


class Piece(NamedTuple):
    """Some text: raw deflate that knows nothing of what comes before it, and ends at a byte but not the stream."""

    packed: bytes
    size: int
    checksum: Checksum

    @classmethod
    def joined(cls, pieces: Sequence[Piece]) -> Piece:
        """One behind another."""
        size = sum(piece.size for piece in pieces)
        checksum = Checksum.joined((piece.checksum for piece in pieces), size)
        return cls(b"".join([piece.packed for piece in pieces]), size, checksum)

    def unpacked(self) -> bytes:
        """The text."""
        return zlib.decompress(self.packed + END, -zlib.MAX_WBITS, self.size)


class Press:
    """Compresses texts into pieces; one stream, so that its buffers are allocated once."""

    def __init__(self) -> None:
        self._deflate = deflate()

    def piece(self, text: str) -> Piece:
        """Compress a text. Raises UnicodeEncodeError if it holds a lone surrogate."""
        data = text.encode()
        packed = self._deflate.compress(data) + self._deflate.flush(zlib.Z_FULL_FLUSH)
        return Piece(packed, len(data), Checksum.of(data))

    def forms(self, texts: Forms[str]) -> Forms[Piece]:
        """Compress what both formats show, once if it is the same."""
        text = self.piece(texts.text)
        return Forms(text, text if texts.openmetrics == texts.text else self.piece(texts.openmetrics))


def deflate() -> zlib._Compress:
    """A compressor of raw deflate blocks, without header and trailer."""
    return zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
