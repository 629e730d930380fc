"""The pictures in docs/images: drawn from the dashboards as they are, not from older ones."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from dashboards.source.files import FOLDER

IMAGES: Final = FOLDER.parent / "docs" / "images"
WIDTH: Final = 1440
DASHBOARDS: Final = sorted(FOLDER.glob("*.json"))

pictures = pytest.mark.parametrize(
    ("dashboard", "picture"),
    [
        pytest.param(file, IMAGES / f"dashboard-{file.stem}-{theme}.png", id=f"{file.stem}-{theme}")
        for file in DASHBOARDS
        for theme in ("dark", "light")
    ],
)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and content of each chunk of a PNG file."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at = 8
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        yield kind, png[at + 8 : at + 8 + size]
        at += 12 + size


@pictures
def test_a_picture_was_drawn_from_the_committed_dashboard(dashboard: Path, picture: Path) -> None:
    texts = dict(content.split(b"\0", 1) for kind, content in _chunks(picture.read_bytes()) if kind == b"tEXt")
    drawn = texts[b"dashboard-sha256"].decode("ascii")
    assert drawn == hashlib.sha256(dashboard.read_bytes()).hexdigest(), "the dashboard has changed: make preview"


@pictures
def test_a_picture_is_as_wide_as_the_design_says(dashboard: Path, picture: Path) -> None:
    header = next(content for kind, content in _chunks(picture.read_bytes()) if kind == b"IHDR")
    assert struct.unpack_from(">I", header)[0] == WIDTH


def test_the_readme_and_the_documentation_show_every_picture_and_no_other() -> None:
    there = {file.name for file in IMAGES.glob("dashboard-*.png")}
    assert there == {f"dashboard-{file.stem}-{theme}.png" for file in DASHBOARDS for theme in ("dark", "light")}
    texts = [(FOLDER.parent / name).read_text("utf-8") for name in ("README.md", "docs/dashboards.md")]
    unseen = [name for name in there if not any(name in text for text in texts)]
    assert unseen == []
