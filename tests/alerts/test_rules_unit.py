"""The rules' own unit tests, under the real promtool."""

from __future__ import annotations

import subprocess
from typing import Any, Final

import pytest

from tests import realservers
from tests.alerts import querychecks, rulefiles, vocabulary
from tests.alerts.rulefiles import UnitTest

TESTS: Final = rulefiles.unit_tests()


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.path.name)
def test_promtool_passes(test: UnitTest) -> None:
    promtool = realservers.require("promtool")
    done = subprocess.run([promtool, "test", "rules", test.path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_trial_expects_something(record_property: Any) -> None:
    trials = [trial for test in TESTS for trial in test.trials]
    assert [trial.name for trial in trials if not trial.cases and not trial.queries] == []
    cases = sum(len(trial.cases) + len(trial.queries) for trial in trials)
    record_property("alerts", f"unit tests of the rules: {cases} cases, in {len(trials)} histories")


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.path.name)
def test_a_history_is_of_series_that_there_can_be(test: UnitTest) -> None:
    rules = [rule for file in rulefiles.rule_files() for rule in file.rules]
    known = vocabulary.vocabulary(rules)
    series = {text for trial in test.trials for text in trial.series}
    assert [problem for text in series for problem in querychecks.check_names(text, known)] == []
    asked = vocabulary.with_alerts(known, rules)
    queries = {text for trial in test.trials for text in trial.queries}
    assert [problem for text in queries for problem in querychecks.check_names(text, asked)] == []


def test_every_trial_has_a_name_of_its_own() -> None:
    names = [(test.path.name, trial.name) for test in TESTS for trial in test.trials]
    assert all(name for _, name in names)
    assert len(set(names)) == len(names)


def test_every_test_file_is_run() -> None:
    assert {test.path for test in TESTS} == set((rulefiles.RULES / "tests").iterdir())
