"""The notes of a release: one version's entry, and a clear word when there is none."""

from __future__ import annotations

import pytest

from exporter.version import __version__
from release import notes

CHANGELOG = """\
# Changelog

## [Unreleased]

- [FEATURE] Not out yet.

## [1.1.0] - 2026-02-28

- [CHANGE] One.

### More

- [BUGFIX] Two.

## [1.0.0] - 2026-01-01

- [FEATURE] The first.
"""


def test_cuts_out_one_entry() -> None:
    assert notes.notes_of("1.1.0", CHANGELOG) == "- [CHANGE] One.\n\n### More\n\n- [BUGFIX] Two.\n"


def test_cuts_out_the_last_entry() -> None:
    assert notes.notes_of("1.0.0", CHANGELOG) == "- [FEATURE] The first.\n"


@pytest.mark.parametrize(
    ("version", "changelog", "problem"),
    [
        ("1.2.0", CHANGELOG, r"no entry '## \[1\.2\.0\] - YYYY-MM-DD' \(there: Unreleased, 1\.1\.0, 1\.0\.0\)"),
        ("1.2.0", "", r"no entry .* \(there: none\)"),
        ("1.0", CHANGELOG, "no entry"),
        ("Unreleased", CHANGELOG, r"is headed '## \[Unreleased\]' \(allowed: "),
        ("1.0.0", "## [1.0.0] - soon\n\n- One.\n", r"is headed '## \[1\.0\.0\] - soon'"),
        ("1.0.0", "## [1.0.0] - 2026-02-30\n\n- One.\n", "is headed"),
        ("1.0.0", "## [1.0.0] - 2026-01-01\n\n## [0.9.0] - 2025-01-01\n\n- One.\n", r"entry of 1\.0\.0 is empty"),
    ],
)
def test_what_makes_no_release_is_refused(version: str, changelog: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        notes.notes_of(version, changelog)


@pytest.mark.parametrize("tag", [__version__, f"v{__version__}"])
def test_a_tag_names_the_version_of_the_package(tag: str) -> None:
    assert notes.release_of(tag) == __version__


@pytest.mark.parametrize(
    "tag", ["v99.0.0", "", f"vv{__version__}", f"{__version__}.post1", f"refs/tags/v{__version__}"]
)
def test_a_tag_that_names_another_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match=r"does not name the version of exporter/version\.py"):
        notes.release_of(tag)


def test_the_changelog_can_be_cut() -> None:
    """Every released entry of the real one; what is not out has no date and is no release."""
    changelog = notes.CHANGELOG.read_text(encoding="utf-8")
    versions = [heading["version"] for heading in notes._HEADING.finditer(changelog)]
    assert versions[0] == "Unreleased"
    assert all(notes.notes_of(version, changelog) for version in versions[1:])


def test_says_what_is_wrong_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert notes.main(["v99.0.0"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("notes: CHANGELOG.md and exporter/version.py do not make a release: v99.0.0 does not")
    assert said.err.count("\n") == 1


def test_writes_the_notes(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    changelog = tmp_path_factory.mktemp("notes") / "CHANGELOG.md"
    changelog.write_text(f"# Changelog\n\n## [{__version__}] - 2026-01-01\n\n- One.\n", encoding="utf-8")
    monkeypatch.setattr(notes, "CHANGELOG", changelog)
    assert notes.main([f"v{__version__}"]) == 0
    assert capsys.readouterr().out == "- One.\n"


@pytest.mark.parametrize("arguments", [[], ["v1", "v2"]])
def test_one_version_is_asked_for(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert notes.main(arguments) == 2
    assert "name one version" in capsys.readouterr().err
