"""Samples of series, and how they are sent to Prometheus: remote write 1.0, a protobuf message packed as Snappy.

Written out here because it is little: two messages with three kinds of fields, and Snappy that does not compress, for a
server on the same machine.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

STALE: Final = struct.unpack("=d", struct.pack("=Q", 0x7FF0000000000002))[0]
"""The value by which Prometheus marks that a series has ended: this object, as no other NaN means it."""

_STALE_BYTES: Final = struct.pack("=Q", 0x7FF0000000000002)
_SAMPLE_SIZE: Final = 18
_VALUE_AT: Final = 3

LATEST: Final = 2**42
"""Times are less than this (ms)."""

_BATCH: Final = 4_000_000
"""About how many bytes go into one message."""

Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted by name, ``__name__`` among them."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some samples of one series: times in ms, ascending. STALE stands for the end of the series."""

    labels: Labels
    times: Sequence[int]
    values: Sequence[float]


def series(name: str, labels: Iterable[tuple[str, str]]) -> Labels:
    """Return the labels of a series of metric ``name``."""
    return tuple(sorted([("__name__", name), *((label, value) for label, value in labels if value)]))


def messages(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """Yield the bodies of remote-write requests that carry all samples, in order."""
    batch: list[bytes] = []
    size = 0
    for chunk in chunks:
        encoded = _series(chunk)
        batch.append(encoded)
        size += len(encoded)
        if size >= _BATCH:
            yield _snappy(b"".join(batch))
            batch, size = [], 0
    if batch:
        yield _snappy(b"".join(batch))


def _series(chunk: Chunk) -> bytes:
    times = chunk.times if isinstance(chunk.times, range) else tuple(chunk.times)
    samples = bytearray(_template(times))
    values = bytearray(array("d", chunk.values).tobytes())
    if STALE in chunk.values:
        for index, value in enumerate(chunk.values):
            if value is STALE:
                values[index * 8 : index * 8 + 8] = _STALE_BYTES
    # A byte of all values at a time, which is many times as fast as a value at a time.
    for place in range(8):
        samples[_VALUE_AT + place :: _SAMPLE_SIZE] = values[place::8]
    return _field(1, _labels(chunk.labels) + samples)


@lru_cache(maxsize=65_536)
def _labels(labels: Labels) -> bytes:
    return b"".join(
        _field(1, _field(1, name.encode("utf-8")) + _field(2, value.encode("utf-8"))) for name, value in labels
    )


@lru_cache(maxsize=1_024)
def _template(times: range | tuple[int, ...]) -> bytes:
    """Samples at these times, all of one size, with nothing where their values go."""
    return b"".join(b"\x12\x10\x09" + bytes(8) + b"\x10" + _long_varint(time) for time in times)


def _long_varint(number: int) -> bytes:
    """Six bytes, however small the number. Raises ValueError if it takes more."""
    if not 0 <= number < LATEST:
        raise ValueError(f"a time of {number} ms is not between 1970 and 2109")
    encoded = [number >> shift & 0x7F for shift in range(0, 42, 7)]
    return bytes((*(byte | 0x80 for byte in encoded[:-1]), encoded[-1]))


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _snappy(content: bytes) -> bytes:
    """One literal: the tag for a length in four bytes, then everything as it is."""
    return _varint(len(content)) + b"\xfc" + (len(content) - 1).to_bytes(4, "little") + content
