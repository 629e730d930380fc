"""Rows that cannot be counted: each is rejected alone, with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.models import Completion, Reject, RejectReason, Status
from tests.decoders import CANARY, CREATED, decode, decode_row, make_completion, make_row


def reject_row(**changes: Any) -> Reject:
    page = decode([make_row("before"), make_row(**changes), make_row("after")])
    assert page.rows == (make_completion("before"), make_completion("after"))
    assert page.size == 3
    (reject,) = page.rejects
    assert reject.index == 1
    return reject


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
