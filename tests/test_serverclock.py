"""The server's clock: of answers that disagree, the earliest is believed."""

from __future__ import annotations

from exporter.api.serverclock import REMEMBERED, ServerClock
from exporter.models import SECOND

HOUR = 3600 * SECOND
NOW = 1_767_225_600 * SECOND


def settled(*skews: int) -> ServerClock:
    """A clock that has heard answers so far ahead of ours."""
    clock = ServerClock()
    for skew in skews:
        clock.settle(NOW + skew, skew)
    return clock


def test_at_first_our_own_clock_is_believed_if_it_is_earlier() -> None:
    assert ServerClock().settle(NOW + HOUR, HOUR) == NOW
    assert ServerClock().settle(NOW - HOUR, -HOUR) == NOW - HOUR


def test_one_answer_that_is_ahead_of_the_others_is_not_believed() -> None:
    assert settled(0, 0).settle(NOW + HOUR, HOUR) == NOW


def test_one_answer_that_is_behind_the_others_is_believed_for_a_while() -> None:
    clock = settled(-HOUR)
    for _ in range(REMEMBERED - 1):
        assert clock.settle(NOW, 0) == NOW - HOUR
    assert clock.settle(NOW, 0) == NOW


def test_our_own_clock_is_forgotten_once_enough_answers_agree() -> None:
    clock = settled(*[HOUR] * REMEMBERED)
    assert clock.settle(NOW + HOUR, HOUR) == NOW + HOUR
    assert clock.now(NOW) == NOW + HOUR


def test_an_answer_without_a_date_was_given_at_our_own_time_as_far_as_the_others_tell() -> None:
    """Ours may be fast, and a time that is too late would seal what nobody has seen."""
    assert ServerClock().settle(NOW, None) == NOW
    assert settled(-HOUR, -HOUR, -HOUR).settle(NOW, None) == NOW - HOUR
    assert settled(*[HOUR] * REMEMBERED).settle(NOW, None) == NOW + HOUR


def test_an_answer_without_a_date_is_no_evidence() -> None:
    clock = settled(*[HOUR] * REMEMBERED)
    clock.settle(NOW, None)
    assert clock.now(NOW) == NOW + HOUR
