"""The wheel and the sdist: built of what is locked alone, and byte for byte the same from the same tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCES = (".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "exporter", "pyproject.toml", "rules")
"""What the build reads; a fresh clone has more, which must make no difference."""


def build(tree: Path, folder: Path, *arguments: str) -> dict[str, str]:
    """Build ``tree`` with the backend itself, which installs nothing; return the SHA-256 of each file by its name."""
    clean = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder), *arguments]
    subprocess.run(
        command, cwd=tree, env=clean | {"SOURCE_DATE_EPOCH": "1700000000"}, capture_output=True, text=True, check=True
    )
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    build(ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def sums(built: Path) -> dict[str, str]:
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in built.iterdir()}


def test_another_clone_gives_the_same_bytes(sums: dict[str, str], tmp_path: Path) -> None:
    """Elsewhere, later, with other file times and what a used tree has lying about."""
    tree = tmp_path / "a clone"
    tree.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, tree / name, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copy
            )
        else:
            shutil.copy(source, tree / name)
    for path in tree.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    (tree / "data").mkdir()
    (tree / "data" / "ledger.db").touch()
    (tree / "config.yaml").touch()
    assert build(tree, tmp_path / "out") == sums


def test_the_sdist_gives_the_same_wheel(built: Path, sums: dict[str, str], tmp_path: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (wheel,) = build(tmp_path / archive.name.removesuffix(".tar.gz"), tmp_path / "out", "--target=wheel").items()
    assert wheel in sums.items()


def test_the_sdist_holds_the_sources_and_nothing_else(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as sdist:
        names = {Path(*Path(name).parts[1:]) for name in sdist.getnames()}
    assert {name.parts[0] for name in names} == {*SOURCES, "PKG-INFO"}
    assert {name for name in names if name.parts[0] == "rules"} == {
        path.relative_to(ROOT) for path in (ROOT / "rules").glob("*.rules.yml")
    }
