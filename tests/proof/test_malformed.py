from __future__ import annotations

import json
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.api.decode import MAX_ROWS, Decoder
from exporter.api.fields import Column, Place, Table
from exporter.models import Completion, FailureReason, Page, PollError, Reject, RejectReason, Status
from tests.proof import malformed
from tests.proof.conftest import Proven
from tests.proof.corruption import VALUES, Corruptor
from tests.proof.malformed import GROWTH_LIMIT, OBSERVED, bombard, inconsistencies, judge
from tests.proof.truncation import LISTS, source

DECODERS = {name: Decoder(source(name)) for name in LISTS}
KEYS = sorted(
    {key for name in LISTS for paths in source(name).fields.values() for path in paths for key in path.split(".")}
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20)
ANY = SCALARS | st.sampled_from(VALUES) | st.sampled_from(("completed", "2026-01-01T00:00:00Z", 1_767_225_600))
WRONG = st.recursive(
    ANY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)
ROWS = st.lists(st.dictionaries(st.sampled_from(KEYS), WRONG, max_size=12) | WRONG, max_size=5)


def test_no_malformed_body_is_a_crash_a_partial_page_or_a_step_back(proven: Proven) -> None:
    figures = bombard(bodies=92_000, seed=17)
    proven(figures)
    assert figures.malformed > 100_000  # with good pages cut at every byte
    assert figures.peak_rss


@settings(max_examples=500)
@given(st.sampled_from(sorted(LISTS)), ROWS, st.sampled_from((None, "data", "items", "results")), WRONG, WRONG)
def test_right_names_with_wrong_values_give_a_sound_page_or_a_refusal(
    name: str, rows: list[Any], key: str | None, has_more: Any, error: Any
) -> None:
    document = rows if key is None else {key: rows, "has_more": has_more, "error": error}
    page = judge(DECODERS[name], json.dumps(document).encode())
    assert page is None or not list(inconsistencies(page))
    assert page is None or page.size == len(rows)
    assert page is not None or (key is not None and error)


def test_the_same_seed_spoils_the_same_way() -> None:
    good = [json.dumps([{"id": "a", "created": 1, "usage": {"b": 1}}] * 3).encode()]
    one, other = Corruptor(good, Random(3)), Corruptor(good, Random(3))
    assert [one.next() for _ in range(300)] == [other.next() for _ in range(300)]


ROW = Completion("a", OBSERVED, Status.SUCCESS)
REJECT = Reject(0, RejectReason.BAD_VALUE, b"12345678", "why")


@pytest.mark.parametrize(
    "page",
    [
        Page((ROW,), 2, OBSERVED),
        Page((), 2, OBSERVED, (REJECT, REJECT)),
        Page((), 1, OBSERVED, (Reject(1, RejectReason.BAD_VALUE, b"12345678"),)),
        Page((), 1, OBSERVED, (Reject(0, RejectReason.BAD_VALUE, b"12345678", "a\nb"),)),
        Page((), 0, OBSERVED + 1),
        Page((), 0, OBSERVED, has_more=1),  # type: ignore[arg-type]
        *(
            Page((msgspec.structs.replace(ROW, **odd),), 1, OBSERVED)
            for odd in (
                {"id": ""},
                {"id": "\ud800"},
                {"created": 0},
                {"created": True},
                {"status": "success"},
                {"model": 'a"'},
                {"skill": "x" * 129},
                {"credits": float("nan")},
                {"input_tokens": True},
                {"duration": -1},
                {"finished": OBSERVED - 1},
            )
        ),
    ],
)
def test_an_inconsistent_page_would_be_noticed(page: Page) -> None:
    assert list(inconsistencies(page))


def test_a_decoder_that_crashes_or_shortens_pages_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def shortened(self: Table, place: Place) -> Column:
        return column(self, place)[:1]

    column = Table.column
    monkeypatch.setattr(Table, "column", shortened)
    figures = malformed.bombard(bodies=60, seed=1)
    assert any("IndexError" in problem or "rows are" in problem for problem in figures.problems)


def test_what_one_body_takes_only_for_a_moment_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wasteful(self: Decoder, body: bytes, observed: int) -> Page:
        monkeypatch.setattr(Decoder, "decode", decode)
        bytearray(b"x") * (3 * GROWTH_LIMIT)
        return decode(self, body, observed)

    decode = Decoder.decode
    monkeypatch.setattr(Decoder, "decode", wasteful)
    figures = bombard(bodies=60, seed=1)
    assert [problem for problem in figures.problems if problem.startswith("grew by ")]
    assert not [problem for problem in bombard(bodies=60, seed=1).problems if problem.startswith("grew by ")]


def test_pages_that_reach_no_ledger_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bombard(bodies=300, seed=1, kept=40).good
    monkeypatch.setattr(malformed, "judge", lambda decoder, body: None)
    assert "0 pages of 40 reached a ledger" in bombard(bodies=300, seed=1, kept=40).problems


def test_too_large_is_no_excuse_for_a_small_body(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judge(DECODERS["requests"], b"[" + b"0," * MAX_ROWS + b"0]") is None

    def refusing(self: Decoder, body: bytes, observed: int) -> Page:
        raise PollError(FailureReason.TOO_LARGE, "so large")

    monkeypatch.setattr(Decoder, "decode", refusing)
    with pytest.raises(AssertionError, match="refused for too_large"):
        judge(DECODERS["requests"], b"[" + b"0," * (MAX_ROWS - 1) + b"0]")
