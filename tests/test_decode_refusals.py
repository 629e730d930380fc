"""Bodies that are no page: refused with what they are, or with the server's own words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.decoders import CANARY, fail, outcome


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the answer is empty"),
        (b" \r\n", "the answer is empty"),
        (b"\n<!DOCTYPE html><title>Sign in</title>", "the answer is HTML or XML, not JSON: check base_url, "),
        (b"[{", "the answer of 2 bytes is not JSON: Input data was truncated"),
        (b'[{"id":"a', "the answer of 9 bytes is not JSON: Input data was truncated"),
        (b"[] []", "the answer of 5 bytes is not JSON: "),
        (b"{}\n{}", "the answer of 5 bytes is not JSON: "),
        (b"Bad Gateway", "the answer of 11 bytes is not JSON: "),
        (b"\x1f\x8b\x08\x00", "the answer of 4 bytes is not JSON: "),
        (b"\x00" * 20, "the answer of 20 bytes is not JSON: "),
        ("[]".encode("utf-16"), "the answer of 6 bytes is not JSON: "),
        (b"null", "the answer is null, neither a list nor an object that holds one"),
        (b"true", "the answer is a boolean, "),
        (b"42", "the answer is a number, "),
        (b"NaN", "the answer is a number, "),
        (b'"ok"', "the answer is a string, "),
        (b"{}", "the answer is an object that must hold one list of rows, under data, items, "),
        (b'{"data":null}', "the answer is an object that must hold one list of rows, "),
        (b'{"data":{"items":[]}}', "the answer is an object that must hold one list of rows, "),
        (b'{"items":[],"results":[]}', "the answer is an object that must hold one list of rows, "),
    ],
)
def test_body_that_is_no_list_of_rows_is_named(body: bytes, message: str) -> None:
    assert fail(body).startswith(message)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"error": {"message": "no credits", "type": "billing", "id": "e1"}}, "no credits"),
        ({"error": "no credits"}, "no credits"),
        ({"error": "no credits", "data": []}, "no credits"),
        ({"error": "no credits", "id": "req_1"}, "no credits"),
        ({"detail": "no credits"}, "no credits"),
        ({"detail": {"error": {"message": "no credits", "code": 402}}}, "no credits"),
        ({"detail": [{"loc": ["query", "limit"], "msg": "no credits", "type": "x"}]}, "no credits"),
        ({"object": "error", "message": "no credits", "data": None}, "no credits"),
        ({"error": " no\x00 \u202ecredits\n"}, "no credits"),
        ({"error": "x" * 10_000}, "x" * 300),
    ],
)
def test_error_with_code_200_is_told_in_the_servers_words(document: Any, said: str) -> None:
    assert fail(json.dumps(document).encode()) == f"the server answers 200 with an error: {said}"


def test_error_that_says_nothing_is_still_an_error() -> None:
    assert fail(b'{"error":true,"data":[]}') == "the server answers 200 with an error, and does not say which"


def test_single_completion_is_not_quoted() -> None:
    assert CANARY not in fail(json.dumps({"id": "a", "message": CANARY, "detail": CANARY}).encode())


@pytest.mark.parametrize("before", ['{"data":', '[{"choices":', '[{"model":', '[{"odd":NaN,"model":', "[", '{"error":'])
def test_endless_nesting_has_an_outcome(before: str) -> None:
    assert fail(before.encode() + b"[" * 100_000) == "the answer is nested too deeply to be read"


@pytest.mark.parametrize(
    ("before", "after"), [('[{"model":', "}]"), ('[{"odd":NaN,"model":', "}]"), ("[", "]"), ('{"error":', "}")]
)
def test_nesting_near_the_limit_has_an_outcome(before: str, after: str) -> None:
    for depth in range(900, 1_010):
        outcome(f"{before}{'[' * depth}{']' * depth}{after}".encode())
