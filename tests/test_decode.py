from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.api.decode import LIST_KEYS, MAX_ODD_BYTES, MAX_ROWS, MAX_VALUES, Decoder
from exporter.api.fields import RowReader
from exporter.models import (
    SECOND,
    Completion,
    FailureReason,
    Field,
    Page,
    Paging,
    PollError,
    Reject,
    RejectReason,
    Source,
    Status,
)

PAGES = Path(__file__).parent / "pages"
CANARY = "CANARY-7f3a"
OBSERVED = 1_747_658_200 * SECOND
CREATED = 1_747_658_096 * SECOND

FIELDS: Mapping[Field, tuple[str, ...]] = {
    Field.ID: ("id",),
    Field.CREATED: ("created", "created_at"),
    Field.FINISHED: ("completed_at",),
    Field.STATUS: ("status", "state.name"),
    Field.MODEL: ("model",),
    Field.SKILL: ("name", "metadata.skill", "skills.0.skill_id"),
    Field.INPUT_TOKENS: ("usage.prompt_tokens", "input_tokens"),
    Field.OUTPUT_TOKENS: ("usage.completion_tokens",),
    Field.CREDITS: ("usage.credits_used",),
    Field.DURATION: ("usage.duration_seconds", "latency_ms"),
    Field.TIME_TO_FIRST_TOKEN: ("ttft_ms",),
}
STATUSES = {"completed": Status.SUCCESS, "failed": Status.ERROR, "error": Status.ERROR, "running": Status.PENDING}


def make_decoder(
    fields: Mapping[Field, tuple[str, ...]] = FIELDS, missing_status: Status | None = Status.SUCCESS
) -> Decoder:
    source = Source("default", "completions", "/x", Paging.CURSOR, 60.0, 100, fields, STATUSES, missing_status)
    return Decoder(source)


DECODER = make_decoder()


def make_row(row_id: str = "a", /, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": row_id,
        "created": CREATED // SECOND,
        "status": "completed",
        "model": "m",
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "credits_used": 3, "duration_seconds": 4},
        "choices": [{"message": {"content": CANARY}}],
    }
    return row | changes


def make_completion(row_id: str = "a") -> Completion:
    return Completion(
        row_id,
        CREATED,
        Status.SUCCESS,
        model="m",
        input_tokens=10,
        output_tokens=20,
        credits=3_000_000,
        duration=4 * SECOND,
    )


def decode(document: Any, decoder: Decoder = DECODER) -> Page:
    return decoder.decode(json.dumps(document).encode(), OBSERVED)


def decode_row(decoder: Decoder = DECODER, /, **changes: Any) -> Completion:
    page = decode([make_row(**changes)], decoder)
    assert page.rejects == ()
    return page.rows[0]


def reject_row(**changes: Any) -> Reject:
    page = decode([make_row("before"), make_row(**changes), make_row("after")])
    assert page.rows == (make_completion("before"), make_completion("after"))
    assert page.size == 3
    (reject,) = page.rejects
    assert reject.index == 1
    return reject


def fail(body: bytes, reason: FailureReason = FailureReason.BAD_BODY) -> str:
    with pytest.raises(PollError) as caught:
        DECODER.decode(body, OBSERVED)
    assert caught.value.reason is reason
    return str(caught.value)


def outcome(body: bytes) -> Page | None:
    """Return the page, None for a body that is refused as it should be; anything else fails the test."""
    try:
        return DECODER.decode(body, OBSERVED)
    except PollError as error:
        refused = error
    assert refused.reason is FailureReason.BAD_BODY
    assert str(refused).isprintable()
    return None


# Whole pages


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


# Bodies that are no page


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


# Rows


def test_first_path_with_a_value_wins() -> None:
    assert decode_row(name="n", metadata={"skill": "s"}).skill == "n"
    assert decode_row(name="", metadata={"skill": "s"}).skill == "s"
    assert decode_row(name=None, metadata={"skill": None}, skills=[{"skill_id": "k"}]).skill == "k"
    assert decode_row(usage={"duration_seconds": 0}, latency_ms=5).duration == 5_000
    assert decode_row(status="", state={"name": "failed"}).status is Status.ERROR


def test_paths_may_differ_from_row_to_row() -> None:
    page = decode(
        [
            make_row("a", name="x"),
            make_row("b", metadata={"skill": "y"}),
            make_row("c"),
            make_row("d", skills=[{"skill_id": "z"}]),
        ]
    )
    assert [row.skill for row in page.rows] == ["x", "y", None, "z"]


@pytest.mark.parametrize(
    "skills", [None, [], {}, "s", 3, [None], [[]], ["s"], [{}], [{"skill_id": None}], [{"id": "s"}]]
)
def test_path_that_leads_nowhere_finds_nothing(skills: Any) -> None:
    assert decode_row(skills=skills).skill is None


@pytest.mark.parametrize("usage", [None, "n/a", 3, 1.5, False, [], [{"prompt_tokens": 3}], {}, {"prompt_tokens": None}])
def test_parent_of_a_wrong_type_has_no_values(usage: Any) -> None:
    row = decode_row(usage=usage)
    assert (row.input_tokens, row.output_tokens, row.credits, row.duration) == (None, None, None, None)


def test_number_in_a_path_also_finds_a_key() -> None:
    assert decode_row(skills={"0": {"skill_id": "k"}}).skill == "k"


def test_value_may_be_asked_for_whole_and_in_part() -> None:
    decoder = make_decoder({**FIELDS, Field.MODEL: ("model.name", "model")})
    assert decode_row(decoder, model={"name": "m"}).model == "m"
    assert decode_row(decoder, model="m").model == "m"


def test_deep_and_strange_keys_can_be_asked_for() -> None:
    decoder = make_decoder({**FIELDS, Field.MODEL: ("a.b.c.d", "x-model", "class", "f0")})
    assert decode_row(decoder, model=None, a={"b": {"c": {"d": "deep"}}}).model == "deep"
    assert decode_row(decoder, model=None, a={"b": 3}, **{"x-model": "dashed"}).model == "dashed"
    assert decode_row(decoder, model=None, **{"class": "keyword"}).model == "keyword"
    assert decode_row(decoder, model=None, f0="zeroth").model == "zeroth"


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b"])
def test_path_with_an_empty_part_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is not a dotted path"):
        make_decoder({**FIELDS, Field.MODEL: (path,)})


def test_reader_knows_its_own_paths_only() -> None:
    with pytest.raises(KeyError):
        RowReader(["a.b"]).slot("a.c")


def test_field_without_paths_is_missing() -> None:
    decoder = make_decoder({Field.ID: ("id",), Field.CREATED: ("created",)})
    assert decode([make_row()], decoder).rows == (Completion("a", CREATED, Status.SUCCESS),)


@pytest.mark.parametrize(
    ("finished", "expected"),
    [
        ("2025-05-19T12:35:06Z", (CREATED + 10 * SECOND, 10 * SECOND)),
        ("2025-05-19T12:34:56Z", (CREATED, 0)),
        ("2025-05-19T12:34:55.999999Z", (None, None)),
        ("2026-06-23T12:34:56Z", (CREATED + 400 * 86_400 * SECOND, 400 * 86_400 * SECOND)),
        ("2026-06-23T12:34:57Z", (CREATED + 400 * 86_400 * SECOND + SECOND, None)),
        (None, (None, None)),
    ],
)
def test_duration_follows_from_the_times(finished: str | None, expected: tuple[int | None, int | None]) -> None:
    row = decode_row(completed_at=finished, usage={"duration_seconds": 0})
    assert (row.finished, row.duration) == expected


def test_stated_duration_wins_over_the_times() -> None:
    row = decode_row(completed_at="2025-05-19T12:35:06Z")
    assert row.duration == 4 * SECOND


@pytest.mark.parametrize("status", [None, "", " "])
def test_missing_status_means_what_the_source_says(status: str | None) -> None:
    assert decode_row(make_decoder(missing_status=Status.PENDING), status=status).status is Status.PENDING
    page = decode([make_row(status=status)], make_decoder(missing_status=None))
    assert page.rejects[0].reason is RejectReason.UNKNOWN_STATUS
    assert page.rejects[0].detail == "the row has no status"


# Rejected rows


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"id": None}, RejectReason.NO_ID, "the row has no id"),
        ({"id": ""}, RejectReason.NO_ID, "the row has no id"),
        ({"id": {}}, RejectReason.NO_ID, "id: an object, not a string"),
        ({"id": "x" * 1025}, RejectReason.BAD_VALUE, "id: 1025 characters, at most 1024 are allowed"),
        ({"created": None}, RejectReason.BAD_TIMESTAMP, "the row has no creation time"),
        (
            {"created": ""},
            RejectReason.BAD_TIMESTAMP,
            "created: a text of 0 characters is not an ISO 8601 date and time",
        ),
        ({"created": -1}, RejectReason.BAD_TIMESTAMP, "created: -1 is not between 2015 and 2099"),
        ({"created": float("nan")}, RejectReason.BAD_TIMESTAMP, "created: nan is not between 2015 and 2099"),
        ({"completed_at": True}, RejectReason.BAD_TIMESTAMP, "completed_at: a boolean, not a date and time"),
        (
            {"status": "exploded"},
            RejectReason.UNKNOWN_STATUS,
            'status: "exploded" is not listed under the source\'s `status`',
        ),
        ({"model": 3}, RejectReason.BAD_VALUE, "model: a number, not a string"),
        ({"skills": [{"skill_id": []}]}, RejectReason.BAD_VALUE, "skills.0.skill_id: a list, not a string"),
        ({"usage": {"prompt_tokens": -5}}, RejectReason.BAD_VALUE, "usage.prompt_tokens: -5 is negative"),
        ({"usage": {"completion_tokens": 0.5}}, RejectReason.BAD_VALUE, "usage.completion_tokens: 0.5 is not whole"),
        ({"usage": {"credits_used": "3"}}, RejectReason.BAD_VALUE, "usage.credits_used: a string, not a number"),
        (
            {"usage": {"duration_seconds": True}},
            RejectReason.BAD_VALUE,
            "usage.duration_seconds: a boolean, not a number",
        ),
        ({"ttft_ms": float("inf")}, RejectReason.BAD_VALUE, "ttft_ms: inf is above 34560000000"),
        ({"id": None, "created": None, "status": 3}, RejectReason.NO_ID, "the row has no id"),
        ({"model": 3, "status": "exploded", "created": "?"}, RejectReason.BAD_TIMESTAMP, "created: "),
    ],
)
def test_bad_row_is_rejected_alone(changes: dict[str, Any], reason: RejectReason, detail: str) -> None:
    reject = reject_row(**changes)
    assert reject.reason is reason
    assert reject.detail.startswith(detail)
    assert len(reject.digest) == 8


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (None, "null"),
        (True, "a boolean"),
        (3, "a number"),
        (float("nan"), "a number"),
        (CANARY, "a string"),
        ([make_row()], "a list"),
    ],
)
def test_row_that_is_no_object_is_rejected_alone(row: Any, kind: str) -> None:
    page = decode([make_row("before"), row, make_row("after")])
    assert page.rows == (make_completion("before"), make_completion("after"))
    (reject,) = page.rejects
    assert (reject.index, reject.reason, reject.created) == (1, RejectReason.NOT_AN_OBJECT, None)
    assert reject.detail == f"{kind}, not an object"


def test_rejects_are_numbered_as_on_the_wire() -> None:
    page = decode([3, make_row("a"), make_row(id=None), "x", make_row("b"), make_row(model=3), None])
    assert [row.id for row in page.rows] == ["a", "b"]
    assert [reject.index for reject in page.rejects] == [0, 2, 3, 5, 6]
    assert page.size == 7


def test_rejected_row_keeps_its_creation_time_if_that_is_good() -> None:
    assert reject_row(model=3).created == CREATED
    assert reject_row(id=None).created == CREATED
    assert reject_row(created="?").created is None


def test_digest_tells_rows_apart_but_not_polls() -> None:
    bad = reject_row(id="a", model=3).digest
    assert reject_row(id="a", model=3, choices=[]).digest == bad
    assert reject_row(id="b", model=3).digest != bad
    assert reject_row(id="a", model=4).digest != bad
    assert decode([1]).rejects[0].digest != decode([2]).rejects[0].digest


def test_bad_value_that_is_not_needed_is_not_looked_at() -> None:
    assert decode_row(name="n", metadata={"skill": 3}, skills=[{"skill_id": []}]).skill == "n"


def test_pending_row_needs_only_what_identifies_it() -> None:
    row = decode_row(
        status="running", model=3, completed_at="soon", usage={"prompt_tokens": -1, "completion_tokens": 7}, ttft_ms=[]
    )
    assert row == Completion("a", CREATED, Status.PENDING, output_tokens=7)
    assert reject_row(status="running", id=None).reason is RejectReason.NO_ID
    assert reject_row(status="running", created="soon").reason is RejectReason.BAD_TIMESTAMP


# What Python servers write beside JSON


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


# What would take up too much


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


# Properties

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = sorted({key for paths in FIELDS.values() for path in paths for key in path.split(".")})
ROWS = st.dictionaries(
    st.sampled_from(KEYS), JSON | st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4), max_size=8
)


@given(ROWS | JSON)
def test_any_row_is_counted_or_rejected_and_spares_its_neighbours(row: Any) -> None:
    page = decode([make_row("before"), row, make_row("after")])
    assert page.rows[0] == make_completion("before")
    assert page.rows[-1] == make_completion("after")
    assert len(page.rows) + len(page.rejects) == page.size == 3


@given(st.lists(ROWS.map(lambda row: make_row() | row), max_size=6))
def test_row_decodes_alike_alone_and_in_company(rows: list[Any]) -> None:
    together = decode(rows)
    alone = [decode([row]) for row in rows]
    assert together.rows == tuple(row for page in alone for row in page.rows)
    assert [(reject.reason, reject.digest, reject.detail, reject.created) for reject in together.rejects] == [
        (reject.reason, reject.digest, reject.detail, reject.created) for page in alone for reject in page.rejects
    ]


@given(st.lists(ROWS.map(lambda row: make_row() | row) | JSON, max_size=6))
def test_strict_and_lenient_parser_agree(rows: list[Any]) -> None:
    strict = decode({"data": rows, "has_more": True})
    lenient = decode({"data": rows, "has_more": True, "odd": float("nan")})
    assert strict == lenient


@given(ROWS, st.sampled_from(KEYS))
def test_content_never_shows(row: dict[str, Any], key: str) -> None:
    content = {"prompt": CANARY, "messages": [{"content": CANARY}], CANARY: CANARY}
    assert CANARY not in repr(decode([make_row() | row | content]))
    # Neither where something else was expected.
    for place in ("created", "created_at", "completed_at", "usage", "metadata", "skills", "ttft_ms", "latency_ms"):
        assert CANARY not in repr(decode([make_row(**{place: CANARY}), make_row(usage={key: CANARY})]))


def test_recorded_content_never_shows() -> None:
    for path in PAGES.glob("*.json"):
        assert CANARY in path.read_text()
        assert CANARY not in repr(DECODER.decode(path.read_bytes(), OBSERVED))


@given(st.binary(max_size=200))
def test_any_bytes_have_an_outcome(body: bytes) -> None:
    outcome(body)


@given(st.lists(st.sampled_from([*b'[]{}",:\\0-9e.tfn \xff\xed\xa0\xef\xbb\xbf\x00']), max_size=60).map(bytes))
def test_bytes_that_look_like_json_have_an_outcome(body: bytes) -> None:
    outcome(body)


@settings(max_examples=300)
@given(st.randoms(use_true_random=False))
def test_mutated_pages_have_an_outcome(rng: random.Random) -> None:
    body = bytearray((PAGES / rng.choice(["executions.json", "completions.json"])).read_bytes())
    for _ in range(rng.randint(1, 8)):
        start = rng.randrange(len(body))
        match rng.randrange(4):
            case 0:
                body[start] = rng.randrange(256)
            case 1:
                del body[start : start + rng.randint(1, 40)]
            case 2:
                body[start:start] = body[rng.randrange(len(body)) :][: rng.randint(1, 60)]
            case 3:
                body[start:start] = rng.choice([b"NaN", b"null", b"-1", b"1e999", b"\xff", b'"\\ud800"', b"[[[[", b"}"])
    outcome(bytes(body))


def test_page_cut_short_is_never_a_page() -> None:
    body = json.dumps({"data": [make_row("a"), make_row("b")]}).encode()
    for length in range(len(body)):
        assert outcome(body[:length]) is None


def test_order_of_the_wire_is_kept() -> None:
    names = [f"row-{number}" for number in range(1_000)]
    page = decode([make_row(name) for name in names])
    assert [row.id for row in page.rows] == names
