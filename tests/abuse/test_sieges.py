"""Whatever clients do, lists are polled, honest scrapers are served, and the daemon is as before afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.abuse.attacks import ATTACKS
from tests.abuse.honest import Honest
from tests.abuse.siege import besieged
from tests.abuse.subject import Subject, subject
from tests.abuse.trial import attack
from tests.e2e.waiting import until

PATIENCE_SECONDS = 60.0
FULL = "too_many_connections"
POLLS = 6
"""Of the three lists together."""


def polled(target: Subject) -> Callable[[], object]:
    """Return what waits until every list was polled twice more, in the mean."""
    before = target.read().polls
    return lambda: until(lambda: target.read().polls >= before + POLLS, PATIENCE_SECONDS, "polls go on")


def changes_nothing(target: Subject, name: str) -> None:
    seen = attack(target, name, ATTACKS[name].few, polled(target))
    assert seen.after.failures == seen.before.failures
    # A reload is news; those under way at the end are not among the answers.
    allowed = seen.answers.get("200", 0) + ATTACKS[name].few if name == "reloads" else 0
    assert seen.after.log_lines - seen.before.log_lines <= allowed


# What sends odd requests is in test_shapes.py one by one; of those only the two that cost most.
@pytest.mark.parametrize("name", ["scrapes", "head", "pipelining", "reloads", "churn", "smuggling", "negotiation"])
def test_an_attack_changes_nothing(name: str, target: Subject) -> None:
    changes_nothing(target, name)


@pytest.mark.parametrize("name", [name for name, each in ATTACKS.items() if each.secure])
def test_an_attack_on_tls_and_passwords_changes_nothing(name: str, secured: Subject) -> None:
    changes_nothing(secured, name)


@pytest.mark.parametrize("name", ["idle-sockets", "dripped-headers", "dripped-bodies"])
def test_whoever_holds_every_connection_keeps_nobody_out(name: str, target: Subject) -> None:
    before = target.read()
    with besieged(name, target.port, ATTACKS[name].few):
        until(
            lambda: target.read().refused.get(FULL, 0) > before.refused.get(FULL, 0),
            PATIENCE_SECONDS,
            "every place is taken",
        )
        polled(target)()
        with Honest(target) as honest:
            until(lambda: honest.scrapes.asked >= 10, PATIENCE_SECONDS, "an honest client has asked ten times")
    assert honest.healthy.refused + honest.scrapes.refused == 0
    after = target.settled(before)
    assert (after.failures, after.log_lines) == (before.failures, before.log_lines)


@pytest.mark.parametrize("name", ["unread-answers", "pipelining", "slow-handshakes"])
def test_what_costs_much_memory_is_bounded(name: str, tmp_path: Path) -> None:
    with subject(tmp_path, secure=ATTACKS[name].secure) as fresh:  # its peak is its own
        seen = attack(fresh, name, ATTACKS[name].clients, polled(fresh))
    assert seen.after.peak - seen.before.peak < 200 * 2**20  # unbounded, each was above 500 MiB


def test_nothing_is_lost_or_doubled_by_attacks(target: Subject) -> None:
    for name in ("scrapes", "churn", "silent-sockets"):
        attack(target, name, ATTACKS[name].few, polled(target))
    verdict = target.verdict()
    assert verdict, verdict.differences
    assert verdict.rows > 0
