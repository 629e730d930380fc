"""What the ledger holds of rows and credits, and how long."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from exporter.counting.budgets import SPEND_KEPT
from exporter.counting.ledger import VANISHED, RowKey
from exporter.models import (
    SECOND,
)
from exporter.store import Changes, Store, segments
from tests.clocks import START
from tests.ledgers import (
    FIRST_SECOND,
    LAYOUT,
    LIST,
    OTHER_LIST,
    QUARTER,
    SERIES,
    coverage,
    opened,
    page,
    rows_held,
    settled,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


def test_marks_are_of_the_rows_asked_for_whatever_their_order(path: Path) -> None:
    held = settled(range(FIRST_SECOND, FIRST_SECOND + 100))
    newest_first = sorted(held, reverse=True)
    absent = RowKey(FIRST_SECOND + 50, 1)
    same_second = RowKey(FIRST_SECOND + 50, 2)
    with opened(path) as store:
        assert store.marks(LIST, newest_first) == {}
        store.commit(Changes(LIST, coverage(), settled={**held, same_second: VANISHED}))
        store.commit(Changes(OTHER_LIST, coverage(), settled={absent: 99}))
        for keys in (newest_first, newest_first[::-1], [*newest_first[50:], absent, *newest_first[:50]]):
            assert store.marks(LIST, keys) == held
        assert store.marks(LIST, newest_first[:1]) == {newest_first[0]: held[newest_first[0]]}
        assert store.marks(LIST, [same_second]) == {same_second: VANISHED}
        assert store.marks(LIST, []) == {}


def test_the_mark_of_an_amended_row_replaces_the_first(path: Path) -> None:
    key = RowKey(FIRST_SECOND, -(2**63))
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(), settled={key: 16}))
        store.commit(Changes(LIST, coverage(), settled={key: 17}))
    with opened(path) as store:
        assert store.marks(LIST, [key]) == {key: 17}
        assert rows_held(store) == 1


def forgotten(day: int, *, seconds: int = 0) -> Changes:
    """A page without rows, of a list that has been proven for so long since the start."""
    return Changes(LIST, coverage(horizon=START + (day * 86_400 + seconds) * SECOND))


def test_quarters_of_an_hour_before_the_horizon_are_forgotten_in_bounded_steps(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FORGOTTEN_AT_ONCE", 10)
    rows = settled(range(FIRST_SECOND, FIRST_SECOND + 50 * 900, 900))
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(), settled=rows))
        store.commit(Changes(OTHER_LIST, coverage(), settled=rows))
        left = []
        for _ in range(5):
            store.commit(forgotten(0, seconds=35 * 900))
            left.append(rows_held(store) - 50)
        assert left == [40, 30, 20, 15, 15]
        kept = {key: mark for key, mark in rows.items() if key.second >= FIRST_SECOND + 35 * 900}
        assert store.marks(LIST, sorted(rows, reverse=True)) == kept
        assert store.marks(OTHER_LIST, sorted(rows, reverse=True)) == rows


def test_the_oldest_quarters_are_forgotten_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "FORGOTTEN_AT_ONCE", 1)
    older, newer = RowKey(FIRST_SECOND, 1), RowKey(FIRST_SECOND + 900, 1)
    with opened(path) as store:
        for key in (newer, older):
            store.commit(Changes(LIST, coverage(), settled={key: 16}))
        store.commit(forgotten(1))
        assert store.marks(LIST, [newer, older]) == {newer: 16}


def test_vanished_rows_are_forgotten_in_bounded_steps_of_their_own(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "FORGOTTEN_AT_ONCE", 10)
    vanished = {RowKey(FIRST_SECOND, hash_): VANISHED for hash_ in range(30)}
    rows = settled(range(FIRST_SECOND + 900, FIRST_SECOND + 900 * 26, 900))
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(), settled={**vanished, **rows}))
        store.commit(Changes(OTHER_LIST, coverage(), settled=vanished))
        left = []
        for day in (1, 1, 1, 1, 8, 8, 8, 8):
            store.commit(forgotten(day))
            left.append(rows_held(store) - 30)
        assert left == [45, 35, 30, 30, 20, 10, 0, 0]
        assert store.marks(OTHER_LIST, [*vanished]) == vanished


def test_a_vanished_row_that_is_counted_after_all_is_forgotten_with_the_others(path: Path) -> None:
    keys = [RowKey(FIRST_SECOND + second, hash_) for second in (0, 1, 1000) for hash_ in (1, 2)]
    back = [keys[0], keys[3], keys[4]]
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(), settled=dict.fromkeys(keys, VANISHED)))
        store.commit(Changes(OTHER_LIST, coverage(), settled=dict.fromkeys(keys, VANISHED)))
        store.commit(Changes(LIST, coverage(), settled=dict.fromkeys(back, 16)))
        assert store.marks(LIST, keys) == {**dict.fromkeys(keys, VANISHED), **dict.fromkeys(back, 16)}
        store.commit(forgotten(1))
        left = {key: VANISHED for key in keys if key not in back}
        assert store.marks(LIST, keys) == left, "else it would be counted again, should it be listed again"
        assert store.marks(OTHER_LIST, keys) == dict.fromkeys(keys, VANISHED)


def test_a_counted_row_that_is_said_to_have_vanished_stays_counted(path: Path) -> None:
    key = RowKey(FIRST_SECOND, 1)
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(), settled={key: 16}))
        store.commit(Changes(LIST, coverage(), settled={key: VANISHED}))
        store.commit(Changes(LIST, coverage(), settled={key: VANISHED}))
        assert store.marks(LIST, [key]) == {key: 16}


def test_a_vanished_row_is_remembered_for_a_week_longer(path: Path) -> None:
    keys = [RowKey(FIRST_SECOND + day * 86_400, 0) for day in range(12)]
    with opened(path) as store:
        for mark in (VANISHED, 16):
            store.commit(Changes(LIST, coverage(), settled=dict.fromkeys(keys, mark)))
            store.commit(Changes(LIST, coverage(horizon=START + 10 * 86_400 * SECOND)))
            kept = 3 if mark == VANISHED else 10
            assert store.marks(LIST, keys[::-1]) == dict.fromkeys(keys[kept:], mark)


def test_the_second_in_which_the_horizon_lies_is_not_before_it(path: Path) -> None:
    key = RowKey(FIRST_SECOND, 0)
    week_later = (FIRST_SECOND + segments.VANISHED_KEPT) * SECOND
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(), settled={key: VANISHED}))
        for horizon, left in ((week_later + SECOND - 1, {key: VANISHED}), (week_later + SECOND, {})):
            store.commit(Changes(LIST, coverage(horizon=horizon)))
            assert store.marks(LIST, [key]) == left


def test_of_a_new_ledger_nothing_has_to_be_loaded_before_it_is_written(path: Path) -> None:
    with closing(Store(path, LAYOUT)) as store:
        assert store.marks(LIST, [*page(0).settled]) == {}
        store.commit(page(0))
        assert store.marks(LIST, [*page(0).settled]) == page(0).settled


def test_credit_sums_are_forgotten_after_two_months_of_any_length(path: Path) -> None:
    day = 86_400 * SECOND
    quarters = {(START - days * day) // (900 * SECOND): days + 1 for days in (0, 31, 62, 69, 71, 100)}
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(), spend=quarters))
        assert store.load().spend[LIST] == {q: amount for q, amount in quarters.items() if amount <= 70}


def test_of_a_quarter_that_the_horizon_cuts_every_row_is_kept(path: Path) -> None:
    key = RowKey(FIRST_SECOND, -(2**63))
    assert FIRST_SECOND % 900 == 0
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(horizon=START + 900 * SECOND - 1), settled={key: 16}))
        assert store.marks(LIST, [key]) == {key: 16}
        store.commit(forgotten(0, seconds=900))
        assert store.marks(LIST, [key]) == {}


def test_of_a_quarter_that_the_two_months_cut_the_credits_are_kept(path: Path) -> None:
    cut = SPEND_KEPT + QUARTER * 900 * SECOND + 1
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(proven=cut), spend={QUARTER: 1, QUARTER - 1: 2}))
        assert store.load().spend[LIST] == {QUARTER: 1}


def test_totals_are_held_as_signed_numbers_of_64_bits(path: Path) -> None:
    values = [-(2**63), 2**63 - 1, *[-1] * (LAYOUT.size - 2)]
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(), series={SERIES: values}))
        assert store.load().totals == {SERIES: values}


def test_a_ledger_that_was_not_loaded_knows_no_rows(path: Path) -> None:
    with opened(path) as store:
        store.commit(page(0))
    with closing(Store(path, LAYOUT)) as store:
        assert store.marks(LIST, [*page(0).settled]) == {}
