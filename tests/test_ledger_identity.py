"""What a row is known by: its key, and the fingerprint of what is counted of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exporter.counting.columns import Columns
from exporter.counting.ledger import (
    FIRST_FINGERPRINT,
    UNKNOWN_FINGERPRINT,
    VANISHED,
    RowKey,
    fingerprints,
    row_key,
    row_keys,
)
from exporter.models import SECOND, Completion, SourceKey, Status
from tests.builders import row
from tests.entries import SOURCE, fingerprint

PLAIN = Completion(
    id="cmpl-7f3a",
    created=1_747_658_096_250_000,
    status=Status.SUCCESS,
    model="vlmrun-orion-1:auto",
    skill="invoice",
    finished=1_747_658_099_000_000,
    input_tokens=812,
    output_tokens=64,
    credits=2_500_000,
    duration=2_750_000,
    time_to_first_token=310_000,
)


def test_the_key_of_a_row_never_changes_between_versions() -> None:
    """A ledger in the field holds these: another key would count every row of the last half hour again."""
    assert row_key(SOURCE, PLAIN) == RowKey(second=1_747_658_096, hash=-2_872_763_526_722_202_696)


def test_the_fingerprint_of_a_row_never_changes_between_versions() -> None:
    """A ledger in the field holds these: another fingerprint would report every known row as amended."""
    assert fingerprint(PLAIN) == 764_724_305
    assert fingerprint(Completion(id="x", created=0, status=Status.ERROR)) == 3_468_549_815


def test_a_key_tells_lists_and_ids_apart_and_nothing_else() -> None:
    keys = {
        row_key(SourceKey(account, source), replace(PLAIN, id=name))
        for account in ("a", "b")
        for source in ("completions", "requests")
        for name in ("1", "2")
    }
    assert len(keys) == 8
    amended = replace(PLAIN, status=Status.ERROR, model=None, credits=None, finished=None)
    assert row_key(SOURCE, amended) == row_key(SOURCE, PLAIN)


def test_rows_have_each_its_own_key_and_fingerprint_whatever_stands_beside_them() -> None:
    bare = Completion(id="x", created=0, status=Status.ERROR)
    rows = [PLAIN, replace(PLAIN, id="other", input_tokens=None, credits=7), bare]
    assert row_keys(SOURCE, rows) == [row_key(SOURCE, each) for each in rows]
    assert fingerprints(Columns.of(rows)) == [fingerprint(each) for each in rows]


@given(st.text(min_size=1), st.integers(0, 2**52))
def test_any_id_has_a_key_that_sqlite_can_hold(name: str, created: int) -> None:
    key = row_key(SOURCE, row(created, name))
    assert key.second == created // SECOND
    assert -(2**63) <= key.hash < 2**63


def test_text_that_is_not_unicode_has_a_key_and_a_fingerprint() -> None:
    odd = replace(PLAIN, id="\udcff", model="\ud800")
    assert row_key(SOURCE, odd) != row_key(SOURCE, PLAIN)
    assert fingerprint(odd) != fingerprint(PLAIN)


@pytest.mark.parametrize(
    "change",
    [
        {"status": Status.ERROR},
        {"model": None},
        {"skill": "receipt"},
        {"input_tokens": 813},
        {"output_tokens": None},
        {"credits": 0},
        {"duration": 1},
        {"time_to_first_token": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_is_counted_of_a_row_is_in_its_fingerprint(change: dict[str, object]) -> None:
    assert fingerprint(replace(PLAIN, **change)) != fingerprint(PLAIN)


def test_what_is_not_counted_of_a_row_is_not_in_its_fingerprint() -> None:
    assert fingerprint(replace(PLAIN, id="x", created=0, finished=None)) == fingerprint(PLAIN)


@given(st.builds(Completion, id=st.text(), created=st.integers(0, 9), status=st.sampled_from(Status)))
def test_no_fingerprint_is_mistaken_for_a_mark(each: Completion) -> None:
    assert fingerprint(each) > UNKNOWN_FINGERPRINT >= FIRST_FINGERPRINT > VANISHED


def test_a_row_whose_crc_is_0_is_not_taken_for_one_whose_fingerprint_is_unknown() -> None:
    assert fingerprint(replace(PLAIN, duration=1_587_433_674)) == UNKNOWN_FINGERPRINT + 1
