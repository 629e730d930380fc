"""The bill of materials: exactly what is shipped, in CycloneDX's schema, the same bytes each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from exporter.version import __version__
from release import lock, sbom
from release.lock import Pin

ROOT = Path(__file__).parent.parent.parent
PINS = lock.read(ROOT / "requirements.txt")
PROJECT = {"name": "vlmrun-exporter", "description": "An exporter", "license": "Apache-2.0"}
MSGSPEC = next(pin for pin in PINS if pin.name == "msgspec")


def make(**environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    command = [sys.executable, "-W", "error", "-m", "release.sbom"]
    return subprocess.run(command, cwd=ROOT, env=clean | environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def text() -> str:
    done = make()
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def bom(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    return document


def test_lists_every_shipped_package_once_and_nothing_else(bom: dict[str, Any]) -> None:
    listed = [(component["name"], component["version"]) for component in bom["components"]]
    assert sorted(listed) == sorted((pin.name, pin.version) for pin in PINS)


def test_every_package_has_its_hashes_address_and_licence(bom: dict[str, Any]) -> None:
    components = {component["name"]: component for component in bom["components"]}
    for pin in PINS:
        component = components[pin.name]
        assert component["purl"] == f"pkg:pypi/{pin.name}@{pin.version}"
        (files,) = component["externalReferences"]
        assert sorted(entry["content"] for entry in files["hashes"]) == sorted(pin.hashes)
        assert {entry["alg"] for entry in files["hashes"]} == {"SHA-256"}
        (licence,) = component["licenses"]
        assert licence.get("expression") or licence["license"]["id"]


def test_the_exporter_is_the_root(bom: dict[str, Any]) -> None:
    root = bom["metadata"]["component"]
    assert (root["name"], root["version"], root["type"]) == ("vlmrun-exporter", __version__, "application")
    assert root["licenses"] == [{"license": {"id": "Apache-2.0"}}]


def test_tells_who_requires_what(bom: dict[str, Any]) -> None:
    graph = {entry["ref"]: set(entry.get("dependsOn", ())) for entry in bom["dependencies"]}
    for pin in PINS:
        assert {name for name, required in graph.items() if pin.name in required} == pin.via
    assert graph.keys() == {pin.name for pin in PINS} | {"vlmrun-exporter"}


def test_satisfies_the_schema(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_the_same_tree_gives_the_same_bytes(text: str, bom: dict[str, Any]) -> None:
    assert make(PYTHONHASHSEED="7").stdout == text
    assert "timestamp" not in bom["metadata"]


def test_its_time_is_the_sources_and_another_bill_has_another_number(bom: dict[str, Any]) -> None:
    dated = json.loads(make(SOURCE_DATE_EPOCH="1700000000").stdout)
    assert dated["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    assert dated["serialNumber"] != bom["serialNumber"]


def test_has_what_github_takes_for_a_bill(bom: dict[str, Any]) -> None:
    assert bom["bomFormat"] == "CycloneDX" and bom["specVersion"] == "1.6"
    assert UUID(bom["serialNumber"]).version == 5


def test_a_time_that_is_none_is_refused() -> None:
    done = make(SOURCE_DATE_EPOCH="yesterday")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "sbom: SOURCE_DATE_EPOCH is 'yesterday' (allowed: seconds since 1970)\n"


@pytest.mark.parametrize(
    ("pin", "problem"),
    [
        (Pin("no-such-package", "1", None, MSGSPEC.hashes, MSGSPEC.via), "no-such-package is not installed"),
        (Pin("msgspec", "0.1", None, MSGSPEC.hashes, MSGSPEC.via), rf"msgspec is installed as {MSGSPEC.version}, lock"),
    ],
    ids=["absent", "other version"],
)
def test_what_is_installed_must_be_what_is_locked(pin: Pin, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        sbom.bill_of_materials(PROJECT, [pin], None)


def test_what_does_not_satisfy_the_schema_is_refused() -> None:
    pin = Pin("msgspec", MSGSPEC.version, None, ("not a sum",), MSGSPEC.via)
    with pytest.raises(ValueError, match="does not satisfy the schema"):
        sbom.bill_of_materials(PROJECT, [pin], None)
