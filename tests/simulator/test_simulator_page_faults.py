"""Faults that strike a page: rows out of order, rows left out, cursors and limits that lie."""

from __future__ import annotations

import math
from random import Random

import pytest

from exporter.models import SECOND
from exporter.simulator.faults import Fault, Faults, Limits
from exporter.simulator.items import Item, Source
from exporter.simulator.listing import CursorQuery, Lister, SkipTooLarge, UnknownAnchor
from exporter.simulator.world import World
from tests.worlds import aged, items_of, make_world, struck


def lister(world: World, faults: dict[Fault, float] | None = None, limits: Limits | None = None) -> Lister:
    return Lister(world, Faults(faults), limits or Limits(), Random(1))


def newest(limit: int = 50, after: str | None = None) -> CursorQuery:
    return CursorQuery(after, limit, newest_first=True, model=None, metadata={})


@pytest.fixture(scope="module")
def calm() -> World:
    return aged(make_world(), 30)


def walk(pages: Lister, limit: int) -> list[Item]:
    seen: list[Item] = []
    while True:
        page = pages.by_cursor(newest(limit, seen[-1].id if seen else None))
        seen += page.items
        if not page.has_more:
            return seen


def test_pages_without_faults_show_every_row_once(calm: World) -> None:
    offset = [item for skip in range(0, 2_000, 7) for item in lister(calm).by_offset(Source.REQUESTS, skip, 7).items]

    assert walk(lister(calm), 97) == items_of(calm)[::-1]
    assert offset == items_of(calm, Source.REQUESTS)[::-1]


def test_shuffled_ties_change_order_only_within_one_creation_time() -> None:
    world = struck(Fault.TIED)
    pages = lister(world, {Fault.SHUFFLED_TIES: 1})
    anchor = items_of(world)[-100]
    looks = [
        [pages.by_cursor(newest(200)).items for _ in range(5)],
        [pages.by_cursor(newest(200, anchor.id)).items for _ in range(5)],
        [pages.by_offset(Source.REQUESTS, 3, 200).items for _ in range(5)],
    ]

    for five in looks:
        assert len({tuple(item.id for item in look) for look in five}) == 5
        for look in five:
            times = [item.created for item in look]
            assert times == sorted(times, reverse=True)
            assert len({item.id for item in look}) == 200
    assert all(item.created <= anchor.created for look in looks[1] for item in look)


def test_omitted_rows_are_young(calm: World) -> None:
    pages = lister(calm, {Fault.ROWS_OMITTED: 1})
    shown = walk(pages, 1_000)
    assert shown == [item for item in items_of(calm)[::-1] if calm.now - item.visible >= 60 * SECOND]

    for_ever = lister(calm, {Fault.ROWS_OMITTED: 0.1}, Limits(omitted_seconds=math.inf))
    assert 800 < len(for_ever.by_offset(Source.REQUESTS, 0, 1_000).items) < 980


def test_ignored_order_shows_the_oldest_first(calm: World) -> None:
    pages = lister(calm, {Fault.ORDER_IGNORED: 1})

    assert pages.by_cursor(newest(9)).items == items_of(calm)[:9]
    assert pages.by_offset(Source.REQUESTS, 0, 9).items == items_of(calm, Source.REQUESTS)[:9]


def test_disordered_page_has_two_rows_exchanged(calm: World) -> None:
    page = lister(calm, {Fault.DISORDERED: 1}).by_cursor(newest(9)).items
    right = items_of(calm)[::-1][:9]

    assert sum(one is not other for one, other in zip(page, right, strict=True)) == 2


def test_clamped_limit_returns_fewer_rows_than_asked_for(calm: World) -> None:
    page = lister(calm, {Fault.LIMIT_CLAMPED: 1}).by_cursor(newest(500))

    assert (page.items, page.has_more) == (items_of(calm)[::-1][:20], True)


def test_has_more_lies_both_ways(calm: World) -> None:
    pages = lister(calm, {Fault.HAS_MORE_LIES: 1})

    assert pages.by_cursor(newest(9)).has_more is False
    assert pages.by_cursor(newest(9, items_of(calm)[0].id)).has_more is True


def test_ignored_cursor_repeats_the_first_page(calm: World) -> None:
    pages = lister(calm, {Fault.CURSOR_IGNORED: 1})

    assert pages.by_cursor(newest(9, items_of(calm)[0].id)) == pages.by_cursor(newest(9))


def test_anchor_can_be_gone_or_lead_nowhere(calm: World) -> None:
    anchor = items_of(calm)[-9].id

    assert lister(calm).by_cursor(newest(9, anchor)).items
    with pytest.raises(UnknownAnchor):
        lister(calm, {Fault.ANCHOR_GONE: 1}).by_cursor(newest(9, anchor))
    assert lister(calm, {Fault.ANCHOR_EMPTY: 1}).by_cursor(newest(9, anchor)).items == []
    with pytest.raises(UnknownAnchor):
        lister(calm).by_cursor(newest(9, items_of(calm, Source.REQUESTS)[0].id))


def test_skip_is_capped(calm: World) -> None:
    pages = lister(calm, {Fault.SKIP_CAPPED: 1})

    assert pages.by_offset(Source.REQUESTS, 1_000, 9).items
    with pytest.raises(SkipTooLarge, match="skip must not exceed 1000"):
        pages.by_offset(Source.REQUESTS, 1_001, 9)


def test_probability_must_be_one() -> None:
    with pytest.raises(ValueError, match=r"fault late: probability 1\.5 is not between 0 and 1"):
        Faults({Fault.LATE: 1.5})
