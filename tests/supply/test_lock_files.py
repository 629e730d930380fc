"""Lock files: every requirement at one version with its hashes, in step with pyproject.toml and with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release import lock
from tests.test_packaging import imported_distributions

ROOT = Path(__file__).parent.parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
NAME = "vlmrun-exporter"
LOCK_FILES = sorted(path.name for path in ROOT.glob("requirements*.txt"))
RUNTIME = [Requirement(line) for line in PROJECT["dependencies"]]
NOT_IMPORTED = {"tzdata"}
"""What is used without an import: the standard library's zoneinfo reads its files where the system has none."""


def extra(name: str) -> list[Requirement]:
    return [Requirement(line) for line in PROJECT["optional-dependencies"][name]]


DECLARED = {
    "requirements.txt": RUNTIME,
    "requirements-bench.txt": RUNTIME + extra("bench"),
    "requirements-build.txt": [Requirement(line) for line in SETTINGS["build-system"]["requires"]],
    "requirements-dev.txt": RUNTIME + extra("dev"),
}


def versions(lock_file: str) -> dict[str, str]:
    return {pin.name: pin.version for pin in lock.read(ROOT / lock_file)}


def test_every_lock_file_is_known_here_and_none_is_another_tools() -> None:
    assert sorted(DECLARED) == LOCK_FILES
    assert not [path.name for path in ROOT.iterdir() if path.name in ("uv.lock", "poetry.lock", "Pipfile.lock")]


@pytest.mark.parametrize("lock_file", LOCK_FILES)
def test_every_requirement_has_one_version_and_its_hashes(lock_file: str) -> None:
    pins = lock.read(ROOT / lock_file)  # raises at an option, an address, a range, or a requirement without a hash
    assert len({pin.name for pin in pins}) == len(pins)
    assert all(len(set(pin.hashes)) == len(pin.hashes) >= 1 for pin in pins)


@pytest.mark.parametrize("lock_file", LOCK_FILES)
def test_lock_file_names_no_host_and_no_path(lock_file: str) -> None:
    assert not re.search(r"://|@ |(?<!\w)/", (ROOT / lock_file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("lock_file", LOCK_FILES)
def test_what_is_declared_is_locked_and_within_its_range(lock_file: str) -> None:
    pins = {pin.name: pin for pin in lock.read(ROOT / lock_file)}
    for requirement in DECLARED[lock_file]:
        pin = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pin.version), f"{pin.name} {pin.version}: run `make lock`"
        assert any(NAME in reason for reason in pin.via), f"{pin.name} is locked for others only: run `make lock`"


def test_what_is_locked_is_declared_or_required_by_what_is() -> None:
    declared = {canonicalize_name(requirement.name) for requirement in RUNTIME}
    pins = lock.read(ROOT / "requirements.txt")
    assert {pin.name for pin in pins if NAME in pin.via} == declared
    assert all(pin.via <= {other.name for other in pins} | {NAME} for pin in pins)


@pytest.mark.parametrize("lock_file", ["requirements-bench.txt", "requirements-dev.txt"])
def test_others_run_with_the_versions_that_are_shipped(lock_file: str) -> None:
    assert versions("requirements.txt").items() <= versions(lock_file).items()


def test_the_wheel_is_built_with_the_versions_that_tests_build_with() -> None:
    build = versions("requirements-build.txt")
    dev = versions("requirements-dev.txt")
    assert build.items() <= dev.items()


def test_every_runtime_dependency_is_imported() -> None:
    declared = {canonicalize_name(requirement.name) for requirement in RUNTIME}
    assert declared - imported_distributions("exporter/**/*.py").keys() == NOT_IMPORTED


@pytest.mark.parametrize(
    "line",
    [
        "--index-url somewhere",
        "httpx>=0.28 \\\n    --hash=sha256:" + 64 * "0" + "\n    # via x",
        "httpx==0.28.1\n    # via x",
        "httpx==0.28.1 \\\n    --hash=md5:" + 32 * "0" + "\n    # via x",
        "httpx @ git+ssh://somewhere",
        "-e .",
    ],
    ids=["option", "range", "no hash", "weak hash", "address", "editable"],
)
def test_anything_else_in_a_lock_file_is_refused(line: str, tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(f"# a comment\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"^requirements\.txt:2: '.*' is no locked requirement"):
        lock.read(path)


def test_a_pin_knows_its_marker_its_hashes_and_who_asks_for_it(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(
        "#\n# by make lock\n#\n"
        'uvloop==0.23.0 ; sys_platform != "win32" \\\n'
        f"    --hash=sha256:{64 * 'a'} \\\n    --hash=sha256:{64 * 'b'}\n"
        "    # via\n    #   uvicorn\n    #   vlmrun-exporter (pyproject.toml)\n"
        "# The following packages are considered to be unsafe in a requirements file:\n"
        f"pip==26.3 \\\n    --hash=sha256:{64 * 'c'}\n    # via pip-tools\n",
        encoding="utf-8",
    )
    assert lock.read(path) == (
        lock.Pin("uvloop", "0.23.0", 'sys_platform != "win32"', (64 * "a", 64 * "b"), frozenset({"uvicorn", NAME})),
        lock.Pin("pip", "26.3", None, (64 * "c",), frozenset({"pip-tools"})),
    )
