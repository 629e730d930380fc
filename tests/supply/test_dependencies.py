"""docs/dependencies.md says what is shipped and why: compared with pyproject.toml, the lock and the packages."""

from __future__ import annotations

import re
from importlib.metadata import PackageMetadata, PathDistribution, distribution, metadata
from pathlib import Path
from typing import Final

import pytest
from packaging.utils import canonicalize_name

from release import lock
from release.licences import licence_of
from tests.supply.test_lock_files import NAME, PROJECT, RUNTIME, extra

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
PINS = {pin.name: pin for pin in lock.read(ROOT / "requirements.txt")}
DIRECT = {canonicalize_name(requirement.name) for requirement in RUNTIME}
ALLOWED: Final = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "MPL-2.0", "PSF-2.0"}
"""Licences whose works may be shipped beside ours. MPL-2.0 as long as the package is shipped unchanged."""
EVERY = pytest.mark.parametrize("name", sorted(PINS))


def table(heading: str) -> dict[str, dict[str, str]]:
    """Return the rows of the table below a heading, by their first column."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")
    ]
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


ASKED_FOR = table("What the exporter asks for")
BROUGHT = table("What these bring")
SHIPPED = ASKED_FOR | BROUGHT


def test_lists_what_is_declared() -> None:
    assert list(ASKED_FOR) == sorted(DIRECT)


def test_lists_what_comes_with_it_and_who_brings_it() -> None:
    assert {name: row["brought by"] for name, row in BROUGHT.items()} == {
        name: ", ".join(sorted(pin.via)) for name, pin in sorted(PINS.items()) if NAME not in pin.via
    }


def test_counts_them() -> None:
    assert f"is {len(PINS)} packages of Python: {len(DIRECT)} that" in TEXT
    assert f"and {len(PINS) - len(DIRECT)} that these bring" in TEXT


def test_lists_every_development_tool() -> None:
    listed = {
        canonicalize_name(name)
        for row in table("What only developers install").values()
        for name in re.findall(r"`([\w.-]+)`", row["packages"])
    }
    assert listed == {
        canonicalize_name(requirement.name)
        for group in PROJECT["optional-dependencies"]
        for requirement in extra(group)
    }


def test_every_direct_dependency_has_its_reason() -> None:
    assert all(row["why"] and row["without it"] and row["maintained by"] for row in ASKED_FOR.values())


@EVERY
def test_the_licence_is_the_packages_own_and_allowed(name: str) -> None:
    licence = licence_of(metadata(name))
    assert SHIPPED[name]["licence"] == licence
    alternatives = [alternative.split(" AND ") for alternative in licence.split(" OR ")]
    assert any(ALLOWED.issuperset(alternative) for alternative in alternatives)


@EVERY
def test_native_code_is_named(name: str) -> None:
    native = any(file.suffix in (".so", ".pyd") for file in distribution(name).files or ())
    assert SHIPPED[name]["native code"].startswith("yes") == native


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: whatever\n", "MIT OR Apache-2.0"),
        ("License: BSD-3-Clause\n", "BSD-3-Clause"),
        ("License: MIT License\nClassifier: License :: OSI Approved :: MIT License\n", "MIT"),
        (
            "License: see LICENSE\nClassifier: License :: OSI Approved :: MIT License\n"
            "Classifier: License :: OSI Approved :: Apache Software License\n",
            "Apache-2.0 OR MIT",
        ),
    ],
)
def test_a_licence_is_read_from_wherever_it_is_told(fields: str, licence: str, tmp_path: Path) -> None:
    assert licence_of(packaged(tmp_path, fields)) == licence


@pytest.mark.parametrize(
    "fields", ["", "License: ask us\n", "License: BSD\nClassifier: License :: OSI Approved :: BSD License\n"]
)
def test_a_licence_that_is_not_told_is_not_guessed(fields: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^a 1\.0: its licence is not told as an SPDX expression"):
        licence_of(packaged(tmp_path, fields))


def packaged(folder: Path, fields: str) -> PackageMetadata:
    """The metadata of a package that says ``fields`` of itself."""
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: a\nVersion: 1.0\n{fields}\n", encoding="utf-8")
    return PathDistribution(folder).metadata
