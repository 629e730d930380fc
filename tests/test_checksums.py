"""Checksums of parts come to the checksum of the whole."""

from __future__ import annotations

import zlib

from hypothesis import example, given
from hypothesis import strategies as st

from exporter.metrics.checksums import Checksum

parts = st.lists(st.binary(max_size=40) | st.integers(0, 300_000).map(lambda size: b"z" * size), max_size=8)


@given(parts=parts)
@example([])
@example([b"", b"a", b""])
@example([bytes(2**16), b"\xff" * 2**16, b"123456789"])
def test_the_checksum_of_parts_is_zlibs_of_the_whole(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    joined = Checksum.joined(map(Checksum.of, parts), len(whole))
    assert joined.value == zlib.crc32(whole)
    assert joined == Checksum.of(whole)


@given(parts=parts, more=parts)
def test_what_is_joined_can_be_joined_again(parts: list[bytes], more: list[bytes]) -> None:
    wholes = [b"".join(parts), b"".join(more)]
    halves = [Checksum.joined(map(Checksum.of, half), len(b"".join(half))) for half in (parts, more)]
    assert Checksum.joined(halves, len(b"".join(wholes))).value == zlib.crc32(b"".join(wholes))
