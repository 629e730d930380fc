"""Alertmanager's side of the pack: the example configuration, its templates, and alerts as the rules label them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from tests.alerts.rulefiles import ROOT, RULES, rule_files

EXAMPLE: Final = RULES / "alertmanager.example.yml"
TEMPLATES: Final = RULES / "templates" / "vlmrun-*.tmpl"
GOLDEN: Final = ROOT / "tests" / "golden" / "alertmanager"
HTML: Final = "ticket.email_configs.0.html"
"""The one use of a template that is no plain text."""

_LABEL: Final = re.compile(r"\$labels\.(\w+)")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of alert: one rule, or several of one name and severity. ``names`` are the labels that come with it."""

    alertname: str
    severity: str
    family: str
    names: frozenset[str]

    def __str__(self) -> str:
        return f"{self.alertname}/{self.severity}"

    def labels(self, **values: str) -> dict[str, str]:
        """Return all labels of such an alert: of ``values`` those that it has, and anything for the rest."""
        fixed = {"alertname": self.alertname, "severity": self.severity, "family": self.family}
        return fixed | {name: values.get(name, f"some-{name}") for name in sorted(self.names)}


@cache
def pack() -> dict[str, Kind]:
    """Return the alerts of rules/*.rules.yml by "alertname/severity"; their labels are those that annotations name."""
    kinds: dict[str, Kind] = {}
    for rule in (rule for file in rule_files() for rule in file.rules if rule.alerting):
        names = {name for annotation in rule.annotations.values() for name in _LABEL.findall(annotation)}
        kind = Kind(rule.name, rule.labels["severity"], rule.labels["family"], frozenset(names))
        known = kinds.get(str(kind), kind)
        kinds[str(kind)] = Kind(kind.alertname, kind.severity, kind.family, kind.names | known.names)
    return kinds


TEST: Final = {
    str(kind): kind
    for kind in (
        Kind("VLMRunTestAlert", severity, "test", frozenset({"account"}))
        for severity in ("critical", "warning", "info")
    )
}
"""What ``vlmrun-exporter alerts test`` sends."""


def example() -> dict[str, Any]:
    """Return the example configuration."""
    document: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    return document


def quiet(**extra: Any) -> dict[str, Any]:
    """Return the example's routes and inhibition, with receivers that tell nobody; ``extra`` sets keys at the top."""
    document = example()
    receivers = [{"name": receiver["name"]} for receiver in document["receivers"]]
    return {"route": document["route"], "inhibit_rules": document["inhibit_rules"], "receivers": receivers} | extra


def templated(value: Any, path: str = "") -> dict[str, str]:
    """Return the templates in a configuration by where they are, such as ``slack_configs.0.title``."""
    if isinstance(value, str):
        return {path: value} if "{{" in value else {}
    if isinstance(value, Mapping):
        items = [(str(key), child) for key, child in value.items()]
    elif isinstance(value, list):
        items = [(str(index), child) for index, child in enumerate(value)]
    else:
        items = []
    return {
        where: text for key, child in items for where, text in templated(child, f"{path}.{key}".lstrip(".")).items()
    }


def render(amtool: Path, text: str, data: Path, *, html: bool = False) -> str:
    """Render ``text`` as Alertmanager does, with the pack's templates and a notification's JSON in ``data``.

    Raises AssertionError with what amtool says if it cannot be rendered.
    """
    done = subprocess.run(
        [
            amtool,
            "template",
            "render",
            f"--template.glob={TEMPLATES}",
            f"--template.text={text}",
            f"--template.type={'html' if html else 'text'}",
            f"--template.data={data}",
        ],
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def golden(case: str) -> dict[str, str]:
    """Return what the golden files have of a case, by where the templates are used."""
    sections = (GOLDEN / f"{case}.txt").read_text("utf-8").split("=== ")[1:]
    parts = [section.partition("\n") for section in sections]
    texts = {where: text.removesuffix("\n") for uses, _, text in parts for where in uses.split(", ")}
    return texts | {HTML: (GOLDEN / f"{case}.html").read_text("utf-8")}


def write_golden(case: str, texts: Mapping[str, str]) -> None:
    """Write the golden files of a case: each text once, under all of its uses, and the HTML by itself."""
    uses: dict[str, list[str]] = {}
    for where, text in texts.items():
        if where != HTML:
            uses.setdefault(text, []).append(where)
    sections = [f"=== {', '.join(where)}\n{text}\n" for text, where in uses.items()]
    (GOLDEN / f"{case}.txt").write_text("".join(sections), encoding="utf-8")
    (GOLDEN / f"{case}.html").write_text(texts[HTML], encoding="utf-8")
