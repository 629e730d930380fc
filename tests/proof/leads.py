"""Directed histories: first steps that bring out a mistake which shows in one random history of fifty, or fewer.

Only the steps are given; the rows, their times and what happens between two requests stay random. The real code is held
against the same histories, so that a step that no poller could survive is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from exporter.models import Paging
from tests.proof.machine import Machine

Step = Callable[[Machine], None]


@dataclass(frozen=True, slots=True)
class Lead:
    """How a history begins: the way of paging, the server's limit, the steps after the first cycle, the budget."""

    paging: Paging
    limit: str | None
    steps: Sequence[Step]
    starved: bool = False

    def follow(self, machine: Machine, seed: int) -> None:
        """Live through the steps, then come to rest. Raises AssertionError if anything does not hold."""
        try:
            machine.begin(seed=Random(seed).getrandbits(32), paging=self.paging, starved=self.starved, limit=self.limit)
            machine.everything_holds()
            for step in self.steps:
                step(machine)
                machine.everything_holds()
        finally:
            machine.teardown()


def _unread(size: int, *, restless: bool) -> Step:
    return lambda machine: machine.rows_come_while_nobody_reads(size=size, restless=restless)


def _wrong_dates(machine: Machine) -> None:
    machine.the_server_lies_at_times(kind="wrong_dates", share=0.4)


def _rows(machine: Machine) -> None:
    machine.rows_come(seconds=300, rate=0.6)


def _tie(machine: Machine) -> None:
    machine.many_rows_share_a_time(count=45)


def _poll(machine: Machine) -> None:
    machine.poll(cycles=4)


def _no_more(machine: Machine) -> None:
    machine.has_more_lies(claim=False)


def _old_list(machine: Machine) -> None:
    """Once no sweep is under way: nobody could tell an old page from a new one below the first."""
    for _ in range(20):
        coverage = machine.subject.coverage
        assert coverage is not None
        if coverage.sweep is None and coverage.search is None:
            break
        machine.poll(cycles=1)
    machine.an_old_list_is_shown_again(age=1500, cycles=25)


def _too_deep(machine: Machine) -> None:
    machine.rows_cannot_be_read_for_days(kind="max_skip", size=5)


def _forgotten(machine: Machine) -> None:
    machine.the_server_lies_at_times(kind="forget_anchors", share=0.4)
    machine.rows_cannot_be_read_for_days(kind="refuse_above", size=25)


def _amend(machine: Machine) -> None:
    machine.rows_are_amended(count=30)
    machine.poll(cycles=2)


def _vanish(machine: Machine) -> None:
    machine.rows_come(seconds=300, rate=0.6)
    machine.pending_rows_are_deleted(count=20)
    machine.poll(cycles=20)


def _week(machine: Machine) -> None:
    for _ in range(4):
        machine.days_of_nothing()
        machine.poll(cycles=2)


def _killed(machine: Machine) -> None:
    machine.die(edge="inside", passage=1)


def _decided(machine: Machine) -> None:
    machine.everything_listed_is_decided()


UPWARDS = Lead(Paging.OFFSET, None, [_unread(8, restless=True), _poll])
"""Many rows at once, of few times, while rows above them are deleted: they move up between two pages."""

WRONG_DATES = Lead(Paging.CURSOR, None, [_wrong_dates, _rows, _rows, _rows])

BY_CHANGE = Lead(Paging.OFFSET, "by_change", [_rows, _rows, _poll])

TIES = Lead(Paging.OFFSET, "refuse_above", [_unread(60, restless=False)])
"""More rows of one time than a page holds, and no larger page to be had."""

YOUNG_TIES = Lead(Paging.OFFSET, "refuse_above", [_tie, _poll])
"""The same among the newest rows, which need no proof yet."""

FORGOTTEN_TIES = Lead(Paging.CURSOR, None, [_forgotten])
"""More rows of one time than a page holds, in a list that forgets the rows after which others are asked for."""

HIDDEN_TIES = Lead(Paging.CURSOR, "cursor_by_time", [_unread(60, restless=False), _poll])
"""More rows of one time than a page holds, and no page but the first shows any of them."""

TOO_DEEP = Lead(Paging.OFFSET, None, [_too_deep])

CUT = Lead(Paging.OFFSET, "clamp", [_unread(2, restless=False)])
"""Fewer rows on every page than were asked for."""

NO_MORE = Lead(Paging.CURSOR, None, [_no_more, _unread(2, restless=False)])
"""Every page says that it is the last."""

OLD_LIST = Lead(Paging.CURSOR, None, [_rows, _rows, _old_list])

AMENDED = Lead(Paging.CURSOR, None, [_rows, _amend, _rows, _amend])

VANISHED = Lead(Paging.OFFSET, None, [_vanish, _week])
"""Pending rows are deleted, and a week goes by."""

DISORDER = Lead(Paging.OFFSET, "by_change", [_rows, _unread(2, restless=False), _amend, _decided], starved=True)
"""More rows than a few cycles read, in a list that is never in order: they are counted, or said to be lost."""

KILLED = Lead(Paging.OFFSET, None, [_rows, _killed, _rows, _killed, _poll])
"""Killed in the middle of a transaction."""

LATE = Lead(Paging.CURSOR, None, [_rows, _rows, _rows, _poll])
"""Of so many rows a few are listed late."""

LEADS = {
    "rows move up": UPWARDS,
    "wrong dates": WRONG_DATES,
    "by change": BY_CHANGE,
    "ties": TIES,
    "young ties": YOUNG_TIES,
    "forgotten ties": FORGOTTEN_TIES,
    "hidden ties": HIDDEN_TIES,
    "too deep": TOO_DEEP,
    "pages are cut": CUT,
    "no more": NO_MORE,
    "an old list": OLD_LIST,
    "amended": AMENDED,
    "vanished": VANISHED,
    "disorder for ever": DISORDER,
    "killed": KILLED,
    "listed late": LATE,
}
