"""Rounds of several subjects: real processes, one of which may break off."""

from __future__ import annotations

import sys
from dataclasses import asdict
from random import Random

import pytest

from benchmarks.bodies import Sums
from benchmarks.rounds import Played, interleave
from benchmarks.setting import Bench
from benchmarks.subjects import Subject
from benchmarks.suites import ingest

COUNTS = """
import json, sys
print(json.dumps({"ready": True, "version": "7"}), flush=True)
for number, line in enumerate(sys.stdin):
    if number == %d: sys.exit(3)
    print(json.dumps({"seconds": number, "cpu": 0.5, "units": json.loads(line)["units"]}), flush=True)
"""


def subject(name: str, *, breaks: int = -1) -> Subject:
    """A process whose rounds take 0, 1, 2, ... seconds, it says, and which ends in round ``breaks``."""
    return Subject(name, [sys.executable, "-c", COUNTS % breaks], {"units": 10})


def test_the_first_round_is_left_out_and_the_rest_is_by_unit():
    played = interleave([subject("a"), subject("b")], 3, Random(1))
    assert played["a"].per_unit() == [0.1, 0.2, 0.3]
    assert played["b"].per_unit("cpu") == [0.05, 0.05, 0.05]
    assert played["a"].ready["version"] == "7"


def test_one_that_breaks_off_is_named_and_the_others_go_on():
    absent = Subject("absent", ["no-such-program-anywhere"])
    played = interleave([subject("a"), subject("b", breaks=2), absent], 3, Random(1))
    assert len(played["a"].rounds) == 3
    assert played["b"].problem == "b: broke off with exit code 3"
    assert "no-such-program-anywhere" in played["absent"].problem


@pytest.mark.parametrize(
    ("counted", "units", "problem"),
    [
        ([1, 1], 1, ""),  # anew in every round
        ([1, 2], 1, ""),  # on top of the round before
        ([1, 2], 3, "claims 3 rows"),
        ([1, 4], 1, "counted 4 rows of 2"),
    ],
)
def test_a_subject_that_claims_what_it_has_not_counted_has_no_figure(
    bench: Bench, counted: list[int], units: int, problem: str
):
    truth = [Sums(), Sums(1, 10, 20), Sums(2, 30, 40)]
    rounds = [
        {"seconds": 1.0, "cpu": 1.0, "units": units, "check": asdict(truth[min(number, 2)]) | {"completions": number}}
        for number in counted
    ]
    ingest.note(bench, "it", Played(subject("it"), {}, rounds), truth)
    assert ("it" in bench.results.figures) == (not problem)
    assert bench.results.problems.get("it", "").startswith(problem)


def test_a_subject_with_wrong_sums_has_no_figure(bench: Bench):
    check = {"completions": 1, "input_tokens": 11, "output_tokens": 20}
    rounds = [{"seconds": 1.0, "cpu": 1.0, "units": 1, "check": check}]
    ingest.note(bench, "it", Played(subject("it"), {}, rounds), [Sums(), Sums(1, 10, 20)])
    assert not bench.results.figures
    assert "counted" in bench.results.problems["it"]
