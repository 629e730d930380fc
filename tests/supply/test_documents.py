"""What the documents on security and releases point at is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = ("SECURITY.md", "docs/dependencies.md", "docs/releasing.md")
PROVIDED = re.compile(r"`((?:\.github|release|tests|exporter)/[\w.*/-]+|[A-Z]+\.md|\.ci/run)`")
"""Files and folders that a document names."""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_is_named_is_there(name: str) -> None:
    named = set(PROVIDED.findall((ROOT / name).read_text(encoding="utf-8")))
    assert named
    assert not [path for path in named if not list(ROOT.glob(path.rstrip("/")))]


@pytest.mark.parametrize("name", [*DOCUMENTS, ".github/workflows/release.yml"])
def test_every_target_that_is_named_is_made(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    text = (ROOT / name).read_text(encoding="utf-8")
    commands = re.findall(r"(?:[`$)] ?|^ +)make ([a-z-]+(?: [a-z-]+)*)", text, re.M)
    named = {target for command in commands for target in command.split()}
    assert named <= targets
