"""Whole pages: the recorded ones, and the list of rows wherever a page holds it."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.api.decode import LIST_KEYS
from exporter.models import SECOND, Completion, Page, Status
from tests.decoders import CREATED, DECODER, OBSERVED, PAGES, decode, make_completion, make_decoder, make_row


def test_documented_executions_page() -> None:
    page = make_decoder(missing_status=Status.PENDING).decode((PAGES / "executions.json").read_bytes(), OBSERVED)
    prefix = "3b0e7c1a-8a52-4f0e-9a3c-5d7e2f1b9c0"
    assert page == Page(
        rows=(
            Completion(f"{prefix}1", CREATED + 123_456, Status.PENDING, skill="resume-parser"),
            Completion(
                f"{prefix}2",
                CREATED - 6 * SECOND + 1,
                Status.SUCCESS,
                skill="invoice-extract",
                finished=CREATED + 3_500_001,
                credits=7_000_000,
                duration=9_500_000,
            ),
            Completion(
                f"{prefix}3",
                CREATED - 16 * SECOND,
                Status.ERROR,
                skill="invoice-extract",
                finished=CREATED - 15 * SECOND,
                credits=500_000,
                duration=3 * SECOND,
            ),
        ),
        size=3,
        observed=OBSERVED,
    )


def test_openai_style_completions_page() -> None:
    page = DECODER.decode((PAGES / "completions.json").read_bytes(), OBSERVED)
    assert page == Page(
        rows=(
            Completion(
                "chatcmpl-03",
                CREATED,
                Status.SUCCESS,
                model="vlmrun-orion-1:auto",
                skill="chart-reader",
                input_tokens=1234,
                output_tokens=56,
                credits=2_350_000,
                duration=4_431_250,
                time_to_first_token=432_000,
            ),
            Completion("chatcmpl-02", CREATED - SECOND, Status.ERROR, model="vlmrun-orion-2:pro", skill="table-reader"),
            Completion("chatcmpl-01", CREATED - 2 * SECOND, Status.SUCCESS, input_tokens=0, output_tokens=0),
        ),
        size=3,
        observed=OBSERVED,
        has_more=True,
    )


@pytest.mark.parametrize(
    "document",
    [
        [make_row()],
        *({key: [make_row()]} for key in LIST_KEYS),
        {"data": [make_row()], "results": []},
        {"results": [make_row()], "data": None},
        {"results": [make_row()], "data": {"page": 1}, "items": 3, "predictions": "none"},
        {"object": "list", "data": [make_row()], "error": None},
        {"object": "list", "data": [make_row()], "error": {}},
    ],
)
def test_list_is_found_bare_or_in_an_object(document: Any) -> None:
    assert decode(document).rows == (make_completion(),)


@pytest.mark.parametrize("document", [[], {"data": []}, {"data": [], "error": ""}])
def test_empty_list_is_an_empty_page(document: Any) -> None:
    assert decode(document) == Page((), 0, OBSERVED)


@pytest.mark.parametrize(
    ("claimed", "believed"), [(True, True), (False, False), (None, None), (1, None), ("true", None), ([], None)]
)
def test_has_more_is_a_boolean_or_not_known(claimed: Any, believed: bool | None) -> None:
    assert decode({"data": [], "has_more": claimed}).has_more is believed


def test_key_given_twice_is_read_the_last_time() -> None:
    body = b'[{"id":"first","created":1747658096,"usage":{"prompt_tokens":1},"id":"last","usage":{"credits_used":1}}]'
    assert DECODER.decode(body, OBSERVED).rows == (Completion("last", CREATED, Status.SUCCESS, credits=1_000_000),)
    odd = body.replace(b"[{", b'[{"odd":NaN,')
    assert DECODER.decode(odd, OBSERVED) == DECODER.decode(body, OBSERVED)
