from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.counting.worst import KEEP, REASONS, WINDOW, contenders, merge, top
from exporter.models import Offender

NOW = 10 * WINDOW


def offender(value: int, time: int = NOW, id: str = "", reason: str = "credits", account: str = "a") -> Offender:
    return Offender(value, time, id or f"c{value}", reason, account, "completions", "m", "s")


def test_the_worst_are_shown_worst_first_and_only_so_many() -> None:
    entries = [offender(value) for value in (3, 9, 1, 7, 5)]
    assert top(entries, NOW) == (offender(9), offender(7), offender(5))


def test_of_equals_the_latest_are_shown() -> None:
    entries = [offender(5, NOW - age, f"c{age}") for age in (3, 0, 2, 1)]
    assert top(entries, NOW) == tuple(offender(5, NOW - age, f"c{age}") for age in (0, 1, 2))


def test_every_reason_and_account_has_its_own() -> None:
    entries = [
        offender(value, reason=reason, account=account)
        for reason in REASONS
        for account in ("a", "b")
        for value in (1, 2, 3, 4)
    ]
    shown = top(entries, NOW)
    assert len(shown) == KEEP * len(REASONS) * 2
    assert {entry.value for entry in shown} == {2, 3, 4}


@pytest.mark.parametrize(("age", "shown"), [(WINDOW, False), (WINDOW - 1, True)])
def test_a_completion_leaves_half_an_hour_after_it_finished(age: int, shown: bool) -> None:
    entries = (offender(5, NOW - age),)
    assert top(entries, NOW) == (entries if shown else ())
    assert merge(entries, (), NOW) == (entries if shown else ())


def test_a_place_that_is_left_goes_to_the_next_worst() -> None:
    entries = [offender(9, NOW - WINDOW + 1), *(offender(value) for value in (8, 7, 6))]
    assert [entry.value for entry in top(entries, NOW)] == [9, 8, 7]
    assert [entry.value for entry in top(entries, NOW + 1)] == [8, 7, 6]


def test_nothing_is_shown_of_nothing() -> None:
    assert (top((), NOW), merge((), (), NOW)) == ((), ())


def test_a_completion_that_may_still_become_one_of_the_worst_is_kept() -> None:
    soon_gone = [offender(value, NOW - 100) for value in (9, 8, 7)]
    successor = offender(1, NOW)
    assert merge(soon_gone, [successor], NOW) == (*soon_gone, successor)


def test_a_completion_that_enough_others_outdo_and_outlast_is_dropped() -> None:
    lasting = [offender(value, NOW) for value in (9, 8, 7)]
    assert merge(lasting, [offender(6, NOW), offender(5, NOW - 1)], NOW) == tuple(lasting)


@pytest.mark.parametrize("soon_gone", range(KEEP))
def test_a_completion_that_outlasts_one_of_those_that_outdo_it_is_kept(soon_gone: int) -> None:
    outdoing = [offender(9 - place, NOW - 2 * (place == soon_gone)) for place in range(KEEP)]
    assert merge(outdoing, [offender(1, NOW - 1)], NOW) == (*outdoing, offender(1, NOW - 1))
    assert merge(outdoing, [offender(1, NOW - 2)], NOW) == tuple(outdoing)


def test_rows_that_enough_others_outdo_and_outlast_are_no_contenders() -> None:
    lasting = [(value, NOW, value) for value in (9, 8, 7)]
    successor = (1, NOW + 1, 1)
    assert contenders([(6, NOW, 99), successor, (5, NOW - 1, 99), *reversed(lasting)]) == [*lasting, successor]


def test_what_others_of_another_reason_or_account_do_drops_nothing() -> None:
    lasting = [offender(value, NOW) for value in (9, 8, 7)]
    apart = [offender(1, NOW - 1, reason="error"), offender(1, NOW - 1, account="b")]
    assert set(merge(lasting, apart, NOW)) == {*lasting, *apart}


def test_a_completion_that_is_already_known_is_kept_once() -> None:
    assert merge([offender(5)], [offender(5)], NOW) == (offender(5),)


def brute_force(seen: set[Offender], time: int) -> tuple[Offender, ...]:
    """The worst of everything ever seen."""
    shown: list[Offender] = []
    for account in ("a", "b"):
        for reason in REASONS:
            recent = [
                each for each in seen if (each.reason, each.account) == (reason, account) and each.time > time - WINDOW
            ]
            shown += sorted(recent, reverse=True)[:KEEP]
    return tuple(sorted(shown, reverse=True))


SIGHTING = st.tuples(
    st.integers(0, 8), st.integers(0, WINDOW + 5), st.sampled_from(REASONS[:2]), st.sampled_from(("a", "b"))
)


@given(
    batches=st.lists(st.tuples(st.integers(0, WINDOW), st.lists(SIGHTING, max_size=10)), max_size=8),
    later=st.lists(st.integers(0, 2 * WINDOW), min_size=1, max_size=5),
)
def test_what_is_kept_names_the_worst_of_everything_ever_seen_at_any_later_time(
    batches: list[tuple[int, list[tuple[int, int, str, str]]]], later: list[int]
) -> None:
    now = NOW
    kept: tuple[Offender, ...] = ()
    seen: set[Offender] = set()
    for passed, sightings in batches:
        now += passed
        new = [
            offender(value, now - age, f"c{place}", reason, account)
            for place, (value, age, reason, account) in enumerate(sightings)
        ]
        seen.update(new)
        kept = merge(kept, new, now)
        assert top(kept, now) == brute_force(seen, now)
    for passed in later:
        assert top(kept, now + passed) == brute_force(seen, now + passed)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40, unique=True))
def test_nothing_is_kept_that_can_never_be_shown(sightings: list[tuple[int, int]]) -> None:
    entries = {offender(value, NOW - age, f"c{value}-{age}") for value, age in sightings}
    for kept in merge((), entries, NOW):
        assert any(kept in top(entries, leaving.time + WINDOW - 1) for leaving in entries)


def test_errors_are_kept_no_more_than_are_shown() -> None:
    """Their value is their time: what outdoes one outlasts it."""
    entries = [offender(NOW - age, NOW - age, reason="error") for age in range(1_000)]
    assert len(merge((), entries, NOW)) == KEEP


def test_of_many_completions_in_no_order_few_are_kept() -> None:
    random = Random(1)
    kept: tuple[Offender, ...] = ()
    for minute in range(20):
        new = [offender(random.randrange(10**9), NOW + minute * 60 + random.randrange(60)) for _ in range(500)]
        kept = merge(kept, new, NOW)
    assert len(kept) <= 60
