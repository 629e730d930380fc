"""Runs one trial of a unit test under promtool against some of the rules, one of them perhaps a mutant."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from promql_parser import MatchOp, VectorSelector

from tests.alerts import promql, templates
from tests.alerts.mutants import Mutant, unchanged
from tests.alerts.rulefiles import SUFFIX, Rule, RuleFile, Trial, UnitTest

ALERTS: Final = frozenset({"ALERTS", "ALERTS_FOR_STATE"})


@dataclass(frozen=True, slots=True)
class Probe:
    """A trial, with the rules that it depends on: no others are evaluated."""

    test: UnitTest
    trial: Trial
    files: tuple[RuleFile, ...]

    @property
    def title(self) -> str:
        """Where it is."""
        return f"{self.test.path.name}: {self.trial.name or self.test.trials.index(self.trial)}"

    def sees(self, rule: Rule) -> bool:
        """Tell whether a change of ``rule`` can make a difference to the trial."""
        return any(each is rule for file in self.files for each in file.rules)


def probes(files: Iterable[RuleFile], tests: Iterable[UnitTest]) -> list[Probe]:
    """Return a probe for each trial."""
    by_family = {file.family: file for file in files}
    return [
        Probe(test, trial, tuple(_needed(trial, [by_family[family] for family in test.families])))
        for test in tests
        for trial in test.trials
    ]


def failure(promtool: Path, probe: Probe, mutant: Mutant | None = None) -> str:
    """Return what promtool says if the trial fails with the mutant in its rule's place; empty if it passes.

    Without a mutant every expression is written anew, as those of mutants are: that changes nothing. Raises
    RuntimeError if promtool could not run it.
    """
    with tempfile.TemporaryDirectory(prefix="rules-") as folder:
        for file in probe.files:
            Path(folder, f"{file.family}{SUFFIX}").write_text(_rules(file, mutant), "utf-8")
        test = Path(folder, "trial.test.yml")
        test.write_text(_test(probe), "utf-8")
        # nice: real servers of other tests, which keep real time, go first.
        done = subprocess.run(
            ["nice", str(promtool), "test", "rules", str(test)],
            env={**os.environ, "GOGC": "400"},  # a run is short: collecting garbage is a third of it
            capture_output=True,
            text=True,
            check=False,
        )
    said = done.stdout + done.stderr
    if done.returncode and "FAILED" not in said:
        raise RuntimeError(f"promtool ended with {done.returncode} and judged nothing: {said}")
    return f"{probe.title}: {said}" if done.returncode else ""


def _test(probe: Probe) -> str:
    """Write a test file with one trial, and every word of it as it is."""
    parts = {
        **probe.test.settings,
        "rule_files": yaml.compose(json.dumps([f"{file.family}{SUFFIX}" for file in probe.files])),
        "tests": yaml.SequenceNode("tag:yaml.org,2002:seq", [probe.trial.written]),
    }
    pairs = [(yaml.ScalarNode("tag:yaml.org,2002:str", key), node) for key, node in parts.items()]
    return yaml.serialize(yaml.MappingNode("tag:yaml.org,2002:map", pairs), Dumper=yaml.SafeDumper)


def _rules(file: RuleFile, mutant: Mutant | None) -> str:
    """Write a rule file. JSON is YAML."""

    def current(rule: Rule) -> Rule:
        if mutant is None:
            return unchanged(rule)
        return mutant.mutated if rule is mutant.rule else rule

    groups = [
        {"name": group.name, "rules": [current(rule).yaml() for rule in group.rules]}
        | ({"interval": group.interval} if group.interval else {})
        for group in file.groups
    ]
    return json.dumps({"groups": groups})


def _needed(trial: Trial, files: list[RuleFile]) -> Iterable[RuleFile]:
    """Yield the files with what the trial asks for, and what that reads, alone."""
    rules = [rule for file in files for rule in file.rules]
    wanted = {case.alertname for case in trial.cases}
    for query in trial.queries:
        for selector, _ in promql.selectors(promql.read(query)):
            wanted |= _selected(selector, rules)
    seen: set[str] = set()
    while wanted - seen:
        seen |= wanted
        wanted |= {name for rule in rules if rule.name in seen for name in _read(rule)}
    for file in files:
        yield file.keep(seen)


def _selected(selector: VectorSelector, rules: list[Rule]) -> set[str]:
    """Return what a query reads by name: a metric, or alerts where it reads ALERTS."""
    name = promql.metric(selector)
    if name not in ALERTS:
        return {name}
    named = {each.value for each in promql.matchers(selector) if each.name == "alertname" and each.op == MatchOp.Equal}
    return named or {rule.name for rule in rules if rule.alerting}


def _read(rule: Rule) -> Iterable[str]:
    yield from promql.metrics(rule.expr)
    for annotation in rule.annotations.values():
        for query in templates.queries(annotation):
            yield from promql.metrics(query)
