"""Every small mistake in a rule fails one of the rules' unit tests. ``python -m tests.alerts.mutation`` has a table."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests import realservers
from tests.alerts import mutation, rulefiles
from tests.alerts.equivalent import EQUIVALENT
from tests.alerts.mutants import mutants
from tests.alerts.rulefiles import RuleFile

FILES: Final = rulefiles.rule_files()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.family)
def test_every_mutant_is_caught(file: RuleFile, record_property: Any) -> None:
    promtool = realservers.require("promtool")
    found = mutation.hunt(promtool, FILES, rulefiles.unit_tests(), file.rules, believe=True)
    assert found.problems == []
    record_property("alerts", f"mutants of rules/{file.family}{rulefiles.SUFFIX}: {found.figures}")


def test_what_is_listed_as_equivalent_is_a_mutant() -> None:
    there = {(rule.title, mutant.change) for file in FILES for rule in file.rules for mutant in mutants(rule)}
    assert set(EQUIVALENT) <= there
