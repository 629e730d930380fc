"""Interleaves the rounds of subjects: whatever else the machine does meets all of them alike."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks.subjects import Running, Subject, SubjectError


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a subject: what it said when it was ready, and in every round that counts; ``problem`` if none."""

    subject: Subject
    ready: dict[str, Any]
    rounds: Sequence[dict[str, Any]]
    problem: str = ""

    def per_unit(self, figure: str = "seconds") -> list[float]:
        """A figure of each round by row, series, or whatever the subject counts its work in."""
        return [each[figure] / each["units"] for each in self.rounds]


def interleave(subjects: Sequence[Subject], rounds: int, random: Random, *, warm_ups: int = 1) -> dict[str, Played]:
    """Play all ``subjects``, in an order drawn anew for every round; ``warm_ups`` more come before and are left out.

    One that cannot be started, or breaks off, is reported as a problem and does not keep the others back.
    """
    problems: dict[str, str] = {}
    said: dict[str, list[dict[str, Any]]] = {subject.name: [] for subject in subjects}
    with ExitStack() as stack:
        running: dict[str, Running] = {}
        for subject in subjects:
            try:
                running[subject.name] = stack.enter_context(Running(subject))
            except SubjectError as error:
                problems[subject.name] = str(error)
        for _ in range(warm_ups + rounds):
            order = sorted(running)
            random.shuffle(order)
            for name in order:
                try:
                    said[name].append(running[name].play())
                except SubjectError as error:
                    problems[name] = str(error)
                    del running[name]
        ready = {name: each.ready for name, each in running.items()}
    return {
        subject.name: Played(
            subject,
            ready.get(subject.name, {}),
            said[subject.name][warm_ups:],
            problems.get(subject.name, ""),
        )
        for subject in subjects
    }
