"""What Python servers write beside JSON costs no row, or only its own."""

from __future__ import annotations

import json

import pytest

from tests.decoders import DECODER, OBSERVED, decode, make_completion, make_row


@pytest.mark.parametrize(
    "odd",
    [
        b'"odd":NaN',
        b'"odd":-Infinity',
        b'"odd":"\\ud800"',
        b'"\\udfff":1',
        b'"odd":"\x01\n"',
        b'"odd":' + b"9" * 10_000,
        b'"usage":{"odd":1e999,"\\ud800":1,"prompt_tokens":10,"completion_tokens":20,"credits_used":3,"duration_seconds":4}',
    ],
)
def test_odd_json_costs_no_row(odd: bytes) -> None:
    body = json.dumps([make_row("a"), make_row("b")]).encode().replace(b'"choices"', odd + b',"choices"', 1)
    assert DECODER.decode(body, OBSERVED) == decode([make_row("a"), make_row("b")])


def test_byte_order_mark_is_skipped() -> None:
    assert DECODER.decode(b"\xef\xbb\xbf" + json.dumps([make_row()]).encode(), OBSERVED).rows == (make_completion(),)


def test_invalid_utf8_costs_only_the_row_whose_id_it_is_in() -> None:
    body = json.dumps([make_row("a", model="caf?"), make_row("b?"), make_row("c")]).encode().replace(b"?", b"\xe9")
    page = DECODER.decode(body, OBSERVED)
    assert [row.id for row in page.rows] == ["a", "c"]
    assert (page.rows[0].model or "").startswith("caf_~")
    assert page.rejects[0].detail == "id: not valid Unicode"


def test_number_beyond_all_limits_costs_one_row() -> None:
    for number in (b"1e999", b"-1e999", b"9" * 400, b"9" * 10_000):
        body = json.dumps([make_row("a"), make_row("b", model=0), make_row("c")]).encode()
        page = DECODER.decode(body.replace(b'"model": 0', b'"input_tokens":0,"ttft_ms":' + number), OBSERVED)
        assert [row.id for row in page.rows] == ["a", "c"]
        assert page.rejects[0].detail.startswith("ttft_ms: ")
