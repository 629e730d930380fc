from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.counting import layout as slots
from exporter.counting.births import Births, Shown
from exporter.counting.totals import siblings
from exporter.models import SECOND, SeriesKey
from tests.builders import LAYOUT

NOW = 1_000 * SECOND
HOLD = 60 * SECOND
KEY = SeriesKey("a", "completions", "m", "s", "success", "false")
OTHER = KEY._replace(model="n")
NOTHING = Shown(0)


def births(hold: int = HOLD, released: Mapping[SeriesKey, int] | None = None) -> Births:
    return Births(LAYOUT, hold, released or {})


def values(*present: int) -> list[int]:
    """The integers of a series with one completion, and 1 in the slots ``present``."""
    integers = [1] + [0] * (LAYOUT.size - 1)
    for slot in present:
        integers[slot] = 1
    return integers


def release_due(newborn: Births, now: int) -> Mapping[SeriesKey, int]:
    """Release whatever is due, as after the commit that made it durable."""
    due = newborn.due(now)
    newborn.release(due)
    return due


def test_a_new_series_is_shown_as_0_first() -> None:
    newborn = births()
    newborn.show(KEY, values(), NOW)
    assert newborn.state(KEY) == (NOTHING, Shown.COMPLETIONS)


def test_a_series_that_was_never_shown_shows_nothing() -> None:
    assert births().state(KEY) == (NOTHING, NOTHING)


@pytest.mark.parametrize(
    ("slot", "group"),
    [
        pytest.param(slots.INPUT_ROWS, Shown.INPUT, id="input"),
        pytest.param(slots.OUTPUT_ROWS, Shown.OUTPUT, id="output"),
        pytest.param(slots.CREDIT_ROWS, Shown.CREDITS, id="credits"),
        pytest.param(LAYOUT.duration.sum + 1, Shown.DURATION, id="duration, first bucket"),
        pytest.param(LAYOUT.duration.sum + 3, Shown.DURATION, id="duration, last bucket"),
        pytest.param(LAYOUT.time_to_first_token.sum + 1, Shown.TIME_TO_FIRST_TOKEN, id="time to first token"),
        pytest.param(LAYOUT.time_to_first_token.sum + 2, Shown.TIME_TO_FIRST_TOKEN, id="its last bucket"),
        pytest.param(slots.LOW_TOKEN, NOTHING, id="a counter that comes with another"),
    ],
)
def test_a_family_exists_once_a_row_had_its_value(slot: int, group: Shown) -> None:
    newborn = births()
    newborn.show(KEY, values(slot), NOW)
    assert newborn.state(KEY) == (NOTHING, Shown.COMPLETIONS | group)


@pytest.mark.parametrize(("waited", "due"), [(HOLD - 1, {}), (HOLD, {KEY: Shown.COMPLETIONS})])
def test_a_series_is_due_when_its_time_at_0_is_over(waited: int, due: Mapping[SeriesKey, int]) -> None:
    newborn = births()
    newborn.show(KEY, values(), NOW)
    assert newborn.next_due() == NOW + HOLD
    assert newborn.due(NOW + waited) == due


def test_asking_what_is_due_releases_nothing() -> None:
    newborn = births()
    newborn.show(KEY, values(), NOW)
    newborn.due(NOW + HOLD)
    assert newborn.state(KEY) == (NOTHING, Shown.COMPLETIONS)
    assert newborn.due(NOW + HOLD) == {KEY: Shown.COMPLETIONS}


def test_a_released_series_is_shown_with_its_value_and_no_longer_due() -> None:
    newborn = births()
    newborn.show(KEY, values(), NOW)
    assert release_due(newborn, NOW + HOLD) == {KEY: Shown.COMPLETIONS}
    assert newborn.state(KEY) == (Shown.COMPLETIONS, NOTHING)
    assert newborn.due(NOW + 2 * HOLD) == {}
    assert newborn.next_due() is None


def test_showing_a_series_again_does_not_prolong_its_time_at_0() -> None:
    newborn = births()
    newborn.show(KEY, values(), NOW)
    newborn.show(KEY, values(), NOW + HOLD - 1)
    assert newborn.due(NOW + HOLD) == {KEY: Shown.COMPLETIONS}


def test_showing_a_released_series_again_does_not_hold_it_again() -> None:
    newborn = births(released={KEY: Shown.COMPLETIONS})
    newborn.show(KEY, values(), NOW)
    assert newborn.state(KEY) == (Shown.COMPLETIONS, NOTHING)
    assert newborn.next_due() is None


def test_a_family_that_appears_later_has_its_own_time_at_0() -> None:
    newborn = births()
    newborn.show(KEY, values(), NOW)
    newborn.show(KEY, values(slots.INPUT_ROWS), NOW + 10)
    assert release_due(newborn, NOW + HOLD) == {KEY: Shown.COMPLETIONS}
    assert newborn.state(KEY) == (Shown.COMPLETIONS, Shown.INPUT)
    assert newborn.next_due() == NOW + 10 + HOLD
    assert release_due(newborn, NOW + 10 + HOLD) == {KEY: Shown.COMPLETIONS | Shown.INPUT}
    assert newborn.state(KEY) == (Shown.COMPLETIONS | Shown.INPUT, NOTHING)


def test_a_family_that_appears_between_the_commit_and_the_release_stays_at_0() -> None:
    newborn = births()
    newborn.show(KEY, values(), NOW)
    due = newborn.due(NOW + HOLD)
    newborn.show(KEY, values(slots.OUTPUT_ROWS), NOW + HOLD)
    newborn.release(due)
    assert newborn.state(KEY) == (Shown.COMPLETIONS, Shown.OUTPUT)


def test_a_family_that_appears_after_the_clock_was_set_back_releases_no_other_before_its_time() -> None:
    newborn = births()
    newborn.show(KEY, values(), NOW)
    newborn.show(KEY, values(slots.INPUT_ROWS), NOW - 10)
    assert release_due(newborn, NOW - 10 + HOLD) == {KEY: Shown.INPUT}
    assert newborn.state(KEY) == (Shown.INPUT, Shown.COMPLETIONS)


def test_what_is_released_again_stays_as_it_is() -> None:
    newborn = births()
    newborn.show(KEY, values(), NOW)
    newborn.release(release_due(newborn, NOW + HOLD))
    assert newborn.state(KEY) == (Shown.COMPLETIONS, NOTHING)


def test_series_are_held_each_for_itself() -> None:
    newborn = births()
    newborn.show(KEY, values(), NOW)
    newborn.show(OTHER, values(), NOW + 5)
    assert newborn.next_due() == NOW + HOLD
    assert release_due(newborn, NOW + HOLD) == {KEY: Shown.COMPLETIONS}
    assert newborn.state(OTHER) == (NOTHING, Shown.COMPLETIONS)
    assert newborn.next_due() == NOW + 5 + HOLD


def test_siblings_are_born_with_the_series_and_stay_at_0_without_a_completion() -> None:
    newborn = births()
    for sibling in siblings(KEY):
        newborn.show(sibling, values() if sibling == KEY else [0] * LAYOUT.size, NOW)
    assert release_due(newborn, NOW + HOLD) == dict.fromkeys(siblings(KEY), Shown.COMPLETIONS)


def test_without_a_hold_a_series_is_due_at_once() -> None:
    newborn = births(hold=0)
    newborn.show(KEY, values(), NOW)
    assert newborn.next_due() == NOW
    assert newborn.due(NOW) == {KEY: Shown.COMPLETIONS}


def test_a_changed_hold_is_in_force_for_what_is_held() -> None:
    newborn = births()
    newborn.show(KEY, values(), NOW)
    newborn.hold = 5
    assert newborn.next_due() == NOW + 5
    assert newborn.due(NOW + 5) == {KEY: Shown.COMPLETIONS}


def test_after_a_restart_what_was_released_is_shown_with_its_value_and_the_rest_as_0() -> None:
    newborn = births(released={KEY: int(Shown.COMPLETIONS | Shown.INPUT)})
    newborn.show(KEY, values(slots.INPUT_ROWS, slots.CREDIT_ROWS), NOW)
    assert newborn.state(KEY) == (Shown.COMPLETIONS | Shown.INPUT, Shown.CREDITS)
    assert newborn.due(NOW + HOLD) == {KEY: Shown.COMPLETIONS | Shown.INPUT | Shown.CREDITS}


def test_the_masks_in_a_ledger_keep_their_meaning() -> None:
    """A ledger in the field holds these numbers."""
    assert {group.name: group.value for group in Shown} == {
        "COMPLETIONS": 1,
        "INPUT": 2,
        "OUTPUT": 4,
        "CREDITS": 8,
        "DURATION": 16,
        "TIME_TO_FIRST_TOKEN": 32,
    }


SLOTS = st.sets(st.sampled_from([slots.INPUT_ROWS, slots.OUTPUT_ROWS, slots.CREDIT_ROWS, LAYOUT.duration.sum + 1]))


def test_after_a_rollback_a_series_is_shown_with_its_value_and_so_is_whatever_it_gets_later() -> None:
    newborn = births(60 * SECOND)
    newborn.show(KEY, values(slots.COMPLETIONS), NOW)
    assert newborn.state(KEY) == (Shown(0), Shown.COMPLETIONS)
    newborn.release_all([KEY])
    newborn.show(KEY, values(slots.COMPLETIONS, slots.INPUT_ROWS), NOW)
    shown, zero = newborn.state(KEY)
    assert (shown & Shown.COMPLETIONS, shown & Shown.INPUT, zero) == (Shown.COMPLETIONS, Shown.INPUT, Shown(0))
    assert newborn.next_due() is None


@given(
    steps=st.lists(st.tuples(st.sampled_from([KEY, OTHER]), SLOTS, st.integers(0, 90 * SECOND), st.booleans())),
    hold=st.integers(0, 120 * SECOND),
)
def test_nothing_shown_with_its_value_is_ever_shown_as_0_again_and_nothing_skips_its_hold(
    steps: list[tuple[SeriesKey, set[int], int, bool]], hold: int
) -> None:
    newborn, now = births(hold), NOW
    durable: dict[SeriesKey, int] = {}
    present: dict[SeriesKey, set[int]] = {KEY: set(), OTHER: set()}
    since: dict[tuple[SeriesKey, Shown], int] = {}
    for key, new, passed, restart in steps:
        now += passed
        if restart:
            newborn = births(hold, durable)
            since = {}
        present[key] |= new
        newborn.show(key, values(*present[key]), now)
        for group in newborn.state(key)[1]:
            since.setdefault((key, group), now)
        released = {each: newborn.state(each)[0] for each in present}
        due = newborn.due(now)
        durable |= due
        newborn.release(due)
        for each, before in released.items():
            shown, zero = newborn.state(each)
            assert shown & before == before
            assert not shown & zero
            assert all(now - since[each, group] >= hold for group in shown & ~before)
            assert all(now - since[each, group] < hold for group in zero)
