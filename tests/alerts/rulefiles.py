"""The rule files and their unit tests, as values: what rules/*.rules.yml and rules/tests/*.test.yml say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "rules"
SUFFIX: Final = ".rules.yml"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Durations are as written ("2m"), empty if absent."""

    family: str
    """Of the file: errors for errors.rules.yml."""
    group: str
    name: str
    alerting: bool
    expr: str
    wait: str
    """Its ``for``."""
    keep_firing_for: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def title(self) -> str:
        """Its name and its labels' values but the family, which tell apart alerts of one name."""
        more = [value for label, value in self.labels.items() if label != "family"]
        return " ".join([self.name, *more])

    def yaml(self) -> dict[str, Any]:
        """Write it as in a rule file."""
        fields = {
            "alert" if self.alerting else "record": self.name,
            "expr": self.expr,
            "for": self.wait,
            "keep_firing_for": self.keep_firing_for,
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
        }
        return {name: value for name, value in fields.items() if value}


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, ``interval`` as written."""

    name: str
    interval: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rule file, called after its family."""

    family: str
    groups: tuple[Group, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All of its rules, in order."""
        return tuple(rule for group in self.groups for rule in group.rules)

    def keep(self, names: Collection[str]) -> RuleFile:
        """Return it with the rules of these names alone."""
        return replace(
            self,
            groups=tuple(
                replace(group, rules=tuple(rule for rule in group.rules if rule.name in names)) for group in self.groups
            ),
        )


@dataclass(frozen=True, slots=True)
class Case:
    """What is expected of an alert at one time; ``alerts`` are the expected ones, as written."""

    alertname: str
    alerts: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """One element of ``tests`` in a test file: one history, and what is expected of it."""

    name: str
    written: yaml.Node
    """All of it, as written: 0x80 is a number in YAML, and 81 zeros to promtool."""
    cases: tuple[Case, ...]
    queries: tuple[str, ...]
    """What its promql_expr_test asks for."""
    series: tuple[str, ...] = ()
    """What it is a history of."""


@dataclass(frozen=True, slots=True)
class UnitTest:
    """A test file."""

    path: Path
    families: tuple[str, ...]
    """Of the rule files that it loads."""
    settings: Mapping[str, yaml.Node]
    """Everything else at its top, as written."""
    trials: tuple[Trial, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        """All that it expects of alerts."""
        return tuple(case for trial in self.trials for case in trial.cases)


def rule_files() -> tuple[RuleFile, ...]:
    """Return rules/*.rules.yml. Raises ValueError on a key that this module does not know."""
    return tuple(
        parse(path.name.removesuffix(SUFFIX), path.read_text("utf-8")) for path in sorted(RULES.glob(f"*{SUFFIX}"))
    )


def unit_tests() -> tuple[UnitTest, ...]:
    """Return rules/tests/*.test.yml."""
    return tuple(unit_test(path, path.read_text("utf-8")) for path in sorted(RULES.glob("tests/*.test.yml")))


def parse(family: str, text: str) -> RuleFile:
    """Return the rule file that reads ``text``. Raises ValueError on a key that this module does not know."""
    written = yaml.safe_load(text)
    _known(written, "groups")
    return RuleFile(family, tuple(_group(family, group) for group in written["groups"]))


def unit_test(path: Path, text: str) -> UnitTest:
    """Return the test file at ``path`` that reads ``text``."""
    meant = yaml.safe_load(text)
    root = yaml.compose(text, yaml.SafeLoader)
    assert root is not None, f"{path} is empty"
    written = {key.value: node for key, node in root.value}
    families = tuple(Path(name).name.removesuffix(SUFFIX) for name in meant["rule_files"])
    trials = tuple(map(_trial, meant["tests"], written["tests"].value))
    settings = {key: node for key, node in written.items() if key not in ("rule_files", "tests")}
    return UnitTest(path, families, settings, trials)


def _group(family: str, written: Mapping[str, Any]) -> Group:
    _known(written, "name", "interval", "rules")
    rules = tuple(_rule(family, written["name"], rule) for rule in written["rules"])
    return Group(written["name"], written.get("interval", ""), rules)


def _rule(family: str, group: str, written: Mapping[str, Any]) -> Rule:
    _known(written, "alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations")
    return Rule(
        family=family,
        group=group,
        name=written.get("alert") or written["record"],
        alerting="alert" in written,
        expr=str(written["expr"]),
        wait=written.get("for", ""),
        keep_firing_for=written.get("keep_firing_for", ""),
        labels=written.get("labels", {}),
        annotations=written.get("annotations", {}),
    )


def _trial(meant: Mapping[str, Any], written: yaml.Node) -> Trial:
    cases = [
        Case(case["alertname"], tuple(case.get("exp_alerts") or ())) for case in meant.get("alert_rule_test") or ()
    ]
    queries = [case["expr"] for case in meant.get("promql_expr_test") or ()]
    series = [each["series"] for each in meant.get("input_series") or ()]
    return Trial(meant.get("name", ""), written, tuple(cases), tuple(queries), tuple(series))


def _known(written: Mapping[str, Any], *keys: str) -> None:
    if unknown := set(written) - set(keys):
        raise ValueError(f"unknown keys in a rule file: {', '.join(sorted(unknown))}")
