"""Runs the stateful model over many histories, of the real code and of every named mutant of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import get_state_machine_test

from tests.proof.figures import Figures
from tests.proof.leads import Lead
from tests.proof.machine import Machine
from tests.proof.mistake import Mutant
from tests.proof.mutants import MUTANTS

STEPS = 30
"""Steps of a history, at most."""


def run(*, examples: int, seed_number: int, shrink: bool = True) -> Figures:
    """Live through ``examples`` histories; a problem is told as the steps that lead to it."""
    figures = Figures()

    class Counted(Machine):
        def teardown(self) -> None:
            super().teardown()
            if hasattr(self, "truth"):
                _count(self, figures)

    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    profile = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        phases=phases,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    test = seed(seed_number)(get_state_machine_test(Counted, settings=profile))
    with _quiet():
        try:
            test()
        except AssertionError as error:
            figures.problems.append("\n".join([f"seed {seed_number}: {error}", *getattr(error, "__notes__", [])]))
    return figures


def follow(lead: Lead, *, examples: int, seed_number: int) -> Figures:
    """Live through ``examples`` histories that begin with the steps of ``lead``, until one does not hold."""
    figures = Figures()
    with _quiet():
        for number in range(seed_number, seed_number + examples):
            machine = Machine()
            try:
                lead.follow(machine, number)
            except AssertionError as error:
                figures.problems.append(f"seed {number}: {error}")
                break
            _count(machine, figures)
    return figures


def mutants(*, examples: int, seed_number: int, chosen: Sequence[Mutant] = MUTANTS) -> Figures:
    """Live through at most ``examples`` histories with each mistake built in; the first that shows it is enough.

    If its first steps are given, the real code has to hold in that very history: or else it is not the mistake that
    shows.
    """
    figures = Figures()
    for mutant in chosen:
        figures.mutants += 1
        problem = _escapes(mutant, examples, seed_number)
        if problem:
            figures.problems.append(f"{mutant.name}: {problem}")
        else:
            figures.mutants_caught += 1
    return figures


def _escapes(mutant: Mutant, examples: int, seed_number: int) -> str:
    """Why a mistake is not caught; nothing if it is."""
    missed = f"not caught in {examples} histories from seed {seed_number}"
    if mutant.lead is None:
        with mutant.built_in():
            return "" if run(examples=examples, seed_number=seed_number, shrink=False).problems else missed
    for number in range(seed_number, seed_number + examples):
        with mutant.built_in():
            shows = follow(mutant.lead, examples=1, seed_number=number).problems
        if shows:
            without = follow(mutant.lead, examples=1, seed_number=number).problems
            return f"shows without the mistake too: {without}" if without else ""
    return missed


def _count(machine: Machine, figures: Figures) -> None:
    figures.rows += len(machine.truth.due())
    figures.kills += machine.subject.deaths
    figures.faults += machine.listing.struck.total()


@contextmanager
def _quiet() -> Iterator[None]:
    """Let the poller say nothing of the thousands of failures that it is made to meet."""
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), cache_logger_on_first_use=False
    )
    try:
        yield
    finally:
        structlog.configure(**before)
