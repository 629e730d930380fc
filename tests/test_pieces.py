"""Compressed pieces are joined in any order, and unpack to their texts joined."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.pieces import Piece, Press
from exporter.metrics.spelling import Forms

texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60).map(lambda part: part * 9), max_size=6)


@given(texts=texts, data=st.data())
def test_pieces_join_in_any_order_whatever_the_order_they_were_made_in(texts: list[str], data: st.DataObject) -> None:
    press = Press()
    pieces = [(text, press.piece(text)) for text in texts]
    chosen = data.draw(st.lists(st.sampled_from(pieces), max_size=9) if pieces else st.just([]))
    whole = "".join(text for text, _ in chosen).encode()
    joined = Piece.joined([piece for _, piece in chosen])
    assert joined.unpacked() == whole
    assert (joined.size, joined.checksum.value) == (len(whole), zlib.crc32(whole))


def test_what_both_formats_show_is_compressed_once() -> None:
    press = Press()
    same = press.forms(Forms("a" * 100, "a" * 100))
    other = press.forms(Forms("a" * 100, "b" * 100))
    assert same.text is same.openmetrics
    assert (other.text.unpacked(), other.openmetrics.unpacked()) == (b"a" * 100, b"b" * 100)
