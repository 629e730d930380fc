"""The rule files: what is recorded, in which order, and what alerts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Final

import yaml

from exporter.alerts.drill import promql
from exporter.config.units import parse_duration

SUFFIX: Final = ".rules.yml"

_DEFAULT_INTERVAL: Final = 60_000
"""Prometheus's own ``evaluation_interval`` unless it is told another (ms)."""


class RulesError(Exception):
    """Rule files that cannot be replayed; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule; ``interval`` is in ms."""

    name: str
    expr: str
    interval: int
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def needs(self) -> frozenset[str]:
        """The metrics that it reads."""
        return promql.metrics(self.expr)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alerting rule; ``hold`` (``for``), ``keep`` (``keep_firing_for``) and ``interval`` are in ms."""

    name: str
    expr: str
    interval: int
    hold: int = 0
    keep: int = 0
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def severity(self) -> str:
        """The label, or a dash without one."""
        return dict(self.labels).get("severity", "-")


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules: ``records`` in an order in which each finds what it needs."""

    records: tuple[Record, ...]
    alerts: tuple[Alert, ...]

    def metrics(self) -> frozenset[str]:
        """The metrics that a history must have: those that are read, and not recorded here."""
        read = [record.needs for record in self.records] + [promql.metrics(alert.expr) for alert in self.alerts]
        return frozenset().union(*read) - {record.name for record in self.records}

    def at_least_every(self, step: int) -> Rules:
        """The same rules, none evaluated more often than every ``step`` ms."""
        return Rules(
            tuple(replace(each, interval=max(step, each.interval)) for each in self.records),
            tuple(replace(each, interval=max(step, each.interval)) for each in self.alerts),
        )


def shipped_rules() -> tuple[Path, ...]:
    """Return the rule files that come with the exporter: in the installed package, or in the repository's ``rules``.

    Raises RulesError if they are in neither.
    """
    package = Path(__file__).parent.parent
    for folder in (package / "rules", package.parent.parent / "rules"):
        if found := tuple(sorted(folder.glob(f"*{SUFFIX}"))):
            return found
    raise RulesError("the rules that come with the exporter are not there: reinstall it, or name rule files")


def load(paths: Iterable[Path]) -> Rules:
    """Read rule files. Raises RulesError that names the file."""
    records: list[Record] = []
    alerts: list[Alert] = []
    for path in paths:
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            for group in document["groups"]:
                _read(group, records, alerts)
        except OSError as error:
            raise RulesError(f"{path}: {error.strerror}") from None
        except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise RulesError(f"{path} is no rule file ({type(error).__name__}: {reason})") from None
    return Rules(_ordered(records), tuple(alerts))


def _read(group: Mapping[str, Any], records: list[Record], alerts: list[Alert]) -> None:
    interval = _duration(group.get("interval")) or _DEFAULT_INTERVAL
    for rule in group["rules"]:
        labels = tuple(sorted((name, str(value)) for name, value in (rule.get("labels") or {}).items()))
        if "record" in rule:
            records.append(Record(rule["record"], rule["expr"], interval, labels))
        else:
            hold, keep = _duration(rule.get("for")), _duration(rule.get("keep_firing_for"))
            alerts.append(Alert(rule["alert"], rule["expr"], interval, hold, keep, labels))


def _ordered(records: Sequence[Record]) -> tuple[Record, ...]:
    makers: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        makers.setdefault(record.name, []).append(index)
    needed = {
        index: [maker for name in sorted(record.needs) for maker in makers.get(name, ())]
        for index, record in enumerate(records)
    }
    try:
        return tuple(records[index] for index in TopologicalSorter(needed).static_order())
    except CycleError as error:
        names = " -> ".join(records[index].name for index in error.args[1])
        raise RulesError(f"rules that record from each other in a circle cannot be replayed: {names}") from None


def _duration(text: str | None) -> int:
    """Return the ms of a duration such as ``1h30m``, 0 for none. Raises ValueError."""
    try:
        return round(parse_duration(str(text or "0")) * 1000)
    except ValueError:
        what = "a duration without a unit" if str(text).isdecimal() else "no duration"
        raise ValueError(f"{text!r} is {what}") from None
