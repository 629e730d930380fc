"""What would take up too much is refused, and what is merely large is read."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from exporter.api.decode import MAX_ODD_BYTES, MAX_ROWS, MAX_VALUES
from exporter.models import FailureReason
from tests.decoders import DECODER, OBSERVED, decode, fail, make_row


def test_page_of_as_many_rows_as_are_read_is_read() -> None:
    page = decode([make_row(f"r{number}") for number in range(MAX_ROWS)])
    assert len(page.rows) == MAX_ROWS


def test_page_of_more_rows_is_refused_and_says_so() -> None:
    body = b"[" + b"{}," * MAX_ROWS + b"{}]"
    assert (
        fail(body, FailureReason.TOO_LARGE) == f"the answer holds {MAX_ROWS + 1} rows, at most {MAX_ROWS} can be read"
    )


@pytest.mark.parametrize(
    "dense",
    [
        b"[" + b"{}," * (MAX_VALUES // 2) + b"{}]",
        b"[" + b"0," * MAX_VALUES + b"0]",
        b'[{"id":[' + b"[]," * (MAX_VALUES // 2) + b"[]]}]",
        b'{"data":[' + b'{"usage":{}},' * (MAX_VALUES // 3) + b"{}]}",
    ],
)
def test_dense_body_is_refused_before_it_takes_up_many_times_its_size(dense: bytes) -> None:
    tracemalloc.start()
    try:
        message = fail(dense, FailureReason.TOO_LARGE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert message == f"the answer of {len(dense)} bytes holds too many values to be read; lower page_size"
    assert peak < 1 << 20


def test_large_page_of_prose_and_structure_is_read() -> None:
    prose = "Vendor and totals agree, line by line; the tax rate is applied before the discount, as it says. " * 170
    structure = {f"field_{number}": [number, str(number)] for number in range(150)}
    rows = [make_row(f"r{number}", response={"text": prose, "found": structure}) for number in range(500)]
    body = json.dumps(rows).encode()
    assert len(body) > MAX_ODD_BYTES
    assert len(DECODER.decode(body, OBSERVED).rows) == 500


def test_large_page_that_is_odd_is_refused_with_advice() -> None:
    rows = [make_row(f"r{number}", response="x" * 16_000) for number in range(600)]
    body = json.dumps([*rows, make_row(latency_ms=float("nan"))]).encode()
    message = fail(body)
    assert message.startswith(f"the answer of {len(body)} bytes is not JSON: ")
    assert message.endswith("; lower page_size, a smaller one may be readable")
    smaller = json.dumps([*rows[:100], make_row(latency_ms=float("nan"))]).encode()
    assert DECODER.decode(smaller, OBSERVED).size == 101


def test_large_error_object_is_not_read_for_its_words() -> None:
    said = fail(json.dumps({"error": {"message": "x" * MAX_ODD_BYTES}}).encode())
    assert said == "the server answers 200 with an error, and does not say which"
