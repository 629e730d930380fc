"""The example configuration: amtool takes it, it holds no secret, and `make check` would notice if it were wrong."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.alertmanager import EXAMPLE, TEMPLATES, example, templated
from tests.alerts.rulefiles import ROOT
from tests.realservers import require

SCRIPT = Path("tests/tools/check-prometheus")
DEFINED = re.compile(r'\{\{-? *define "([^"]+)"')
USED = re.compile(r'\btemplate "([^"]+)"')
SECRETS = {"api_url", "routing_key", "service_key", "smtp_auth_password", "slack_api_url", "auth_password", "password"}


def test_amtool_takes_the_example() -> None:
    done = subprocess.run(
        [require("amtool"), "check-config", EXAMPLE], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_templates_are_where_the_example_looks_for_them() -> None:
    # A pattern that matches nothing is no error to Alertmanager: then notifications fail.
    assert [EXAMPLE.parent / pattern for pattern in example()["templates"]] == [TEMPLATES]
    assert set(TEMPLATES.parent.glob(TEMPLATES.name)) == set(TEMPLATES.parent.iterdir())


def test_every_template_is_defined_once_and_used() -> None:
    texts = [file.read_text("utf-8") for file in sorted(TEMPLATES.parent.iterdir())]
    defined = [name for text in texts for name in DEFINED.findall(text)]
    used = {name for text in [*texts, *templated(example()).values()] for name in USED.findall(text)}
    assert sorted(defined) == sorted(used)


def keys(value: Any) -> set[str]:
    """All keys of all mappings in a document."""
    if isinstance(value, Mapping):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


def test_secrets_are_in_files() -> None:
    assert keys(example()) & SECRETS == set()


# make check


def check(tree: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the check on a copy of what it reads."""
    return subprocess.run(
        [tree / SCRIPT], env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "rules", tmp_path / "rules", ignore=shutil.ignore_patterns("tests"))
    (tmp_path / SCRIPT).parent.mkdir(parents=True)
    shutil.copy(ROOT / SCRIPT, tmp_path / SCRIPT)
    return tmp_path


def test_the_check_passes(tree: Path) -> None:
    for program in ("promtool", "amtool"):
        require(program)
    done = check(tree)
    assert done.returncode == 0, done.stdout + done.stderr


def rule_without_end(tree: Path) -> None:
    (tree / "rules" / "more.rules.yml").write_text("groups: [{name: g, rules: [{alert: A, expr: 'up =='}]}]\n")


def duplicate_rule(tree: Path) -> None:
    rule = "{record: 'a:b:c', expr: up}"
    (tree / "rules" / "more.rules.yml").write_text(f"groups: [{{name: g, rules: [{rule}, {rule}]}}]\n")


def route_to_nobody(tree: Path) -> None:
    file = tree / "rules" / EXAMPLE.name
    file.write_text(file.read_text("utf-8").replace("receiver: page", "receiver: pager"), "utf-8")


def template_without_end(tree: Path) -> None:
    (tree / "rules" / "templates" / "vlmrun-more.tmpl").write_text('{{ define "vlmrun.more" }}')


@pytest.mark.parametrize("damage", [rule_without_end, duplicate_rule, route_to_nobody, template_without_end])
def test_the_check_fails_on(tree: Path, damage: Callable[[Path], None]) -> None:
    for program in ("promtool", "amtool"):
        require(program)
    damage(tree)
    done = check(tree)
    assert done.returncode == 1, done.stdout + done.stderr


@pytest.mark.parametrize("absent", ["promtool", "amtool"])
@pytest.mark.parametrize(("required", "code"), [("1", 1), ("0", 0)])
def test_the_check_says_what_it_left_out(tree: Path, absent: str, required: str, code: int) -> None:
    there = tree / "bin"
    there.mkdir()
    for program in {"bash", "dirname", "promtool", "amtool"} - {absent}:
        (there / program).symlink_to(shutil.which(program) or require(program))
    done = check(tree, PATH=str(there), REQUIRE_REAL_SERVERS=required)
    assert (done.returncode, f"no {absent} on PATH" in done.stderr) == (code, True), done.stdout + done.stderr
