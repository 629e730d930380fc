"""Every small mistake in a rule must fail a unit test of the rules.

    python -m tests.alerts.mutation [FILTER]

changes one thing at a time in rules/*.rules.yml: a comparison, a number, an operator, a window, a matcher, an
aggregation, ``for``, a label. It runs the trials of rules/tests/ that the changed rule bears on until one fails, and
prints a table, and the mutants that no trial catches. FILTER is a part of the name of a rule, or a family. It fails if
a mutant survives that is not listed in ``tests.alerts.equivalent``, or one that is listed does not.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests import realservers
from tests.alerts import bench
from tests.alerts.bench import Probe
from tests.alerts.equivalent import EQUIVALENT
from tests.alerts.mutants import Mutant, mutants
from tests.alerts.rulefiles import Rule, RuleFile, UnitTest, rule_files, unit_tests


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant; ``caught_by`` is the trial that failed, empty if none did."""

    mutant: Mutant
    caught_by: str

    @property
    def equivalent(self) -> bool:
        """Whether no trial can catch it, with a reason."""
        return (self.mutant.rule.title, self.mutant.change) in EQUIVALENT

    @property
    def problem(self) -> str:
        """What is wrong with that, in words; empty if nothing is."""
        mutant = self.mutant
        if bool(self.caught_by) != self.equivalent:
            return ""
        if self.equivalent:
            return f"{mutant.rule.title}: {mutant.change}: listed as equivalent, but {self.caught_by} fails"
        return f"{mutant.rule.title}: {mutant.change}" + (f": {mutant.where}" if mutant.where else "")


@dataclass(frozen=True, slots=True)
class Hunt:
    """What became of all mutants, and what promtool says of trials that fail without one."""

    outcomes: tuple[Outcome, ...]
    broken: tuple[str, ...]

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong, in words."""
        survived = [outcome.problem for outcome in self.outcomes if outcome.problem]
        return [*(f"a trial fails without a mutant: {said}" for said in self.broken), *survived]

    @property
    def figures(self) -> str:
        """How many were caught, of those that can be."""
        caught = sum(bool(outcome.caught_by) for outcome in self.outcomes)
        equivalent = sum(outcome.equivalent for outcome in self.outcomes)
        return f"{caught:,} of {len(self.outcomes) - equivalent:,} caught" + (
            f", and {equivalent} that change nothing" if equivalent else ""
        )


@dataclass(slots=True)
class _Experience:
    """How long trials take, and how many mutants each has caught: those that catch the most in a second go first."""

    seconds: dict[str, float] = field(default_factory=dict)
    caught: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def order(self, probes: Iterable[Probe]) -> list[Probe]:
        with self._lock:
            return sorted(probes, key=lambda probe: -(self.caught[probe.title] + 1) / self.seconds[probe.title])

    def catch(self, probe: Probe) -> None:
        with self._lock:
            self.caught[probe.title] += 1


def hunt(
    promtool: Path,
    files: Sequence[RuleFile],
    tests: Sequence[UnitTest],
    rules: Iterable[Rule],
    *,
    believe: bool = False,
) -> Hunt:
    """Run every mutant of ``rules``, which are of ``files``, against the trials that pass without one.

    ``believe`` what is listed as equivalent: of all mutants those take the longest, as no trial ends the search.
    """
    targets = [mutant for rule in rules for mutant in mutants(rule)]
    probes = [probe for probe in bench.probes(files, tests) if any(probe.sees(mutant.rule) for mutant in targets)]
    experience = _Experience()

    def measure(probe: Probe) -> str:
        began = time.monotonic()
        said = bench.failure(promtool, probe)
        experience.seconds[probe.title] = time.monotonic() - began
        return said

    def judge(mutant: Mutant) -> Outcome:
        if believe and (believed := Outcome(mutant, "")).equivalent:
            return believed
        for probe in experience.order(probe for probe in sound if probe.sees(mutant.rule)):
            if bench.failure(promtool, probe, mutant):
                experience.catch(probe)
                return Outcome(mutant, probe.title)
        return Outcome(mutant, "")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        measured = list(zip(probes, pool.map(measure, probes), strict=True))
        sound = [probe for probe, said in measured if not said]
        return Hunt(tuple(pool.map(judge, targets)), tuple(said for _, said in measured if said))


def table(outcomes: Sequence[Outcome]) -> str:
    """Write a row for each rule: its mutants, those caught, those equivalent; and their sum."""
    titles = list(dict.fromkeys(outcome.mutant.rule.title for outcome in outcomes))
    rows = [(title, [each for each in outcomes if each.mutant.rule.title == title]) for title in titles]
    width = max(map(len, [*titles, "rule"]))
    lines = [f"{'rule':{width}}  mutants  caught  equivalent"]
    for title, of_rule in [*rows, ("all", list(outcomes))]:
        caught = sum(bool(each.caught_by) for each in of_rule)
        lines.append(f"{title:{width}}  {len(of_rule):7}  {caught:6}  {sum(each.equivalent for each in of_rule):10}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Run it; return the exit code."""
    promtool = realservers.find("promtool")
    if promtool is None:
        print("mutation: no promtool on PATH", file=sys.stderr)
        return 2
    files, tests = rule_files(), unit_tests()
    wanted = arguments[0] if arguments else ""
    rules = [rule for file in files for rule in file.rules if wanted in rule.name or wanted == rule.family]
    if not rules:
        print(f"mutation: no rule has {wanted!r} in its name", file=sys.stderr)
        return 2
    found = hunt(promtool, files, tests, rules)
    print(table(found.outcomes), *found.problems, found.figures, sep="\n")
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
