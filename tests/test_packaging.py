"""What is shipped: a real wheel, installed where the source tree is out of reach."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from exporter.version import __version__

ROOT = Path(__file__).parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
INCLUDED = SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
"""What lies elsewhere in the repository than in the wheel."""
RUNTIME = [Requirement(line) for line in PROJECT["dependencies"]]
DEV = [Requirement(line) for line in PROJECT["optional-dependencies"]["dev"]]


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--no-index", "--target", folder, wheel)
    return folder


@pytest.fixture(scope="session")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return message_from_bytes(archive.read(f"vlmrun_exporter-{__version__}.dist-info/METADATA"))


def shipped_sources() -> set[str]:
    """Return every file of the package in the source tree and the rules, caches and other hidden files aside."""
    paths = (path.relative_to(ROOT) for path in (ROOT / "exporter").rglob("*") if path.is_file())
    files = {path.as_posix() for path in paths if not any(part.startswith((".", "__pycache__")) for part in path.parts)}
    return files | set(INCLUDED.values())


def test_wheel_holds_the_whole_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == shipped_sources()


def test_wheel_holds_every_rule_file() -> None:
    assert set(INCLUDED) == {path.relative_to(ROOT).as_posix() for path in (ROOT / "rules").glob("*.rules.yml")}


@pytest.mark.parametrize("pattern", ["exporter/py.typed", "exporter/simulator/data/*", "exporter/web/*.html"])
def test_wheel_holds_the_data_that_the_program_reads(wheel: Path, pattern: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if Path(name).match(pattern)]


def test_wheel_runs_on_any_platform(wheel: Path) -> None:
    assert wheel.name == f"vlmrun_exporter-{__version__}-py3-none-any.whl"


def test_metadata_says_version_licence_and_python(metadata: Message) -> None:
    assert metadata["Name"] == "vlmrun-exporter"
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Requires-Python"] == ">=3.11"


@pytest.mark.parametrize(
    "command", [["{}/bin/vlmrun-exporter"], [sys.executable, "-m", "exporter"]], ids=["script", "module"]
)
def test_installed_program_says_its_version(installed: Path, tmp_path: Path, command: list[str]) -> None:
    done = subprocess.run(
        [*(part.format(installed) for part in command), "--version"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert __version__ in done.stdout


def test_installed_program_finds_the_rules(installed: Path, tmp_path: Path) -> None:
    code = "from exporter.alerts.drill.rules import shipped_rules; print(*shipped_rules(), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == sorted(str(installed / path) for path in INCLUDED.values())


def imported_distributions(pattern: str) -> dict[str, set[str]]:
    """Return the third-party distributions that the matching modules import, each with who imports it."""
    providers = packages_distributions()
    found: dict[str, set[str]] = {}
    for path in ROOT.glob(pattern):
        for module in _imports(path):
            if module in sys.stdlib_module_names or module in ("exporter", "tests"):
                continue
            name = canonicalize_name(providers[module][0]) if module in providers else module
            found.setdefault(name, set()).add(path.relative_to(ROOT).as_posix())
    return found


def _imports(path: Path) -> Iterator[str]:
    """Yield the top-level name of every absolute import in a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.partition(".")[0]


# Not tests/sdk: what it runs has an environment of its own.
@pytest.mark.parametrize(("modules", "declared"), [("exporter/**/*.py", RUNTIME), ("tests/*.py", RUNTIME + DEV)])
def test_every_library_imported_is_declared(modules: str, declared: list[Requirement]) -> None:
    names = {canonicalize_name(requirement.name) for requirement in declared}
    undeclared = {name: by for name, by in imported_distributions(modules).items() if name not in names}
    assert not undeclared
