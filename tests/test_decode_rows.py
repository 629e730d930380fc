"""What is read from a row: values along their paths, the duration, the status."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.api.fields import RowReader
from exporter.models import SECOND, Completion, Field, RejectReason, Status
from tests.decoders import CREATED, FIELDS, decode, decode_row, make_decoder, make_row


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
