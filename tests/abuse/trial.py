"""One attack on one daemon, measured: what the attackers got, and what everybody else did."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.abuse.honest import Honest, Service
from tests.abuse.siege import Siege, besieged
from tests.abuse.subject import Reading, Subject


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of the daemon while something was done to it for ``seconds``; sizes are bytes."""

    seconds: float
    answers: Mapping[str, int]
    """How often the attackers got which answer."""
    before: Reading
    after: Reading
    most_descriptors: int
    healthy: Service
    scrapes: Service

    @property
    def refused(self) -> Mapping[str, int]:
        """Connections refused or cut meanwhile, by reason."""
        grown = {reason: number - self.before.refused.get(reason, 0) for reason, number in self.after.refused.items()}
        return {reason: number for reason, number in grown.items() if number}


def attack(subject: Subject, name: str, clients: int, done: Callable[[], object]) -> Observation:
    """Attack until ``done`` returns. Raises AssertionError if the daemon does not come back to what it was."""
    return observe(subject, besieged(name, subject.port, clients), done)


def observe(subject: Subject, attackers: AbstractContextManager[Siege], done: Callable[[], object]) -> Observation:
    """Look at the daemon while the attackers are there, until ``done`` returns. Raises AssertionError likewise."""
    before = subject.read()
    began = time.monotonic()
    with attackers as siege, Honest(subject) as honest:
        done()
        took = time.monotonic() - began
    after = subject.settled(before)
    return Observation(took, siege.answers, before, after, honest.descriptors, honest.healthy, honest.scrapes)
