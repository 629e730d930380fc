"""The workflows: pinned actions, least rights, no secrets, and the commands that a person runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
ACTIONS = {
    "actions/attest",
    "actions/checkout",
    "actions/download-artifact",
    "actions/setup-python",
    "actions/upload-artifact",
    "pypa/gh-action-pypi-publish",
}
"""Other people's code in our pipeline: as few as can be. Everything else is a command that can be read."""
READS = {"contents": "read"}
WRITES = {
    "announce": {"contents": "write"},
    "image": {**READS, "packages": "write"},
    "index": {"id-token": "write"},
    "publish": {"attestations": "write", "id-token": "write", "packages": "write"},
}
"""The jobs that may do more than read the tree."""
EVERY = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def load(path: Path) -> dict[str, Any]:
    # YAML 1.1 takes `on` for true; here it is a word.
    document: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    return document


def jobs(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from load(path)["jobs"].items()


def steps(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from ((name, step) for name, job in jobs(path) for step in job["steps"])


def commands(path: Path, job: str) -> str:
    return "\n".join(step["run"] for name, step in steps(path) if name == job and "run" in step)


def test_there_are_two() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]


@EVERY
def test_actions_are_pinned_to_a_commit_and_say_its_version(path: Path) -> None:
    used = re.findall(r"uses: *(.*)", path.read_text(encoding="utf-8"))
    assert used
    for action in used:
        pinned = re.fullmatch(r"([\w/-]+)@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)
        assert pinned, f"{action!r} is not pinned: name@40 hex digits # v1.2.3"
        assert pinned[1] in ACTIONS


def test_an_action_has_one_version_everywhere() -> None:
    used = {line for path in WORKFLOWS for line in re.findall(r"uses: *(.*)", path.read_text(encoding="utf-8"))}
    assert sorted(line.partition("@")[0] for line in used) == sorted(ACTIONS)


@EVERY
def test_nothing_is_allowed_but_what_a_job_asks_for(path: Path) -> None:
    assert load(path)["permissions"] == {}
    for name, job in jobs(path):
        assert job["permissions"] == WRITES.get(name, READS), name


@EVERY
def test_jobs_that_may_write_run_no_code_of_the_tree(path: Path) -> None:
    """Those that may sign or release check nothing out; the one that pushes images builds, but cannot sign."""
    for name, step in steps(path):
        if name in WRITES and name != "image":
            assert "actions/checkout" not in step.get("uses", "")
            assert not re.search(r"\b(make|pip|npm|python)\b", step.get("run", ""))


@EVERY
def test_no_secret_but_the_runs_own_token(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "secrets." not in text
    for name, step in steps(path):
        if "github.token" in str(step):
            assert name in WRITES


@EVERY
def test_a_pull_request_gets_no_rights_of_ours(path: Path) -> None:
    assert load(path)["on"].keys() <= {"push", "pull_request", "schedule"}


@EVERY
def test_no_expression_is_spliced_into_a_command(path: Path) -> None:
    assert not [step["run"] for _, step in steps(path) if "${{" in step.get("run", "")]


@EVERY
def test_checkouts_leave_no_credentials_behind(path: Path) -> None:
    for _, step in steps(path):
        if "actions/checkout" in step.get("uses", ""):
            assert step["with"] == {"persist-credentials": "false"}


@EVERY
def test_every_job_ends_and_runs_on_a_named_system(path: Path) -> None:
    for name, job in jobs(path):
        assert int(job["timeout-minutes"]) <= 90, name
        assert "latest" not in job["runs-on"]
    assert load(path)["concurrency"]


@pytest.mark.parametrize(("path", "job"), list(zip(WORKFLOWS, ["check-and-test", "test"], strict=True)))
def test_what_is_run_is_what_a_developer_runs(path: Path, job: str) -> None:
    assert commands(path, job).endswith(' env "PATH=$PATH" .ci/run')
    (step,) = [step for name, step in steps(path) if name == job and "run" in step]
    assert step["env"] == {"REQUIRE_AUDIT": "1"}


def test_every_supported_python_is_tested() -> None:
    matrix = load(FOLDER / "ci.yml")["jobs"]["check-and-test"]["strategy"]["matrix"]["python"]
    classifiers = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert matrix == classifiers


def test_nothing_is_published_untested() -> None:
    needs = {name: set(job.get("needs", ())) for name, job in jobs(FOLDER / "release.yml")}

    def before(name: str) -> set[str]:
        return needs[name] | {earlier for one in needs[name] for earlier in before(one)}

    for name in WRITES:
        assert {"build", "test"} <= before(name)


def test_a_tag_is_checked_before_anything_is_built() -> None:
    run = commands(FOLDER / "release.yml", "build")
    assert run.index("release.notes") < run.index("make dist sbom")


def test_a_release_has_its_bill_of_materials() -> None:
    attested = [
        step["with"] for name, step in steps(FOLDER / "release.yml") if "actions/attest" in step.get("uses", "")
    ]
    assert {"dist/sbom.cdx.json"} == {inputs["sbom-path"] for inputs in attested if "sbom-path" in inputs}
    assert any(inputs.get("subject-path") == "dist/*" for inputs in attested)
    assert "dist/*" in commands(FOLDER / "release.yml", "announce")
