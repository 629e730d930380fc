"""Every link between the documents leads to a file that is there, and to a heading in it."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)|<(?:img|source)[^>]+src(?:set)?=\"(?!https?:)([^\"]+)\"")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def documents() -> list[str]:
    """Return every document of the repository; those that are not in git yet as well."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()
    return sorted(found or (str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md")))


@cache
def anchors(file: Path) -> frozenset[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    text = CODE.sub("", file.read_text(encoding="utf-8"))
    headings = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", line) for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE))
    return frozenset(re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings)


@pytest.mark.parametrize("name", documents())
def test_every_link_of_a_document_leads_somewhere(name: str) -> None:
    document = ROOT / name
    dead = []
    for link in (one or other for one, other in LINK.findall(CODE.sub("", document.read_text(encoding="utf-8")))):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target.resolve())):
            dead.append(link)
    assert not dead
