"""What is generated, file by file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dashboards.source.kubernetes import config_maps
from dashboards.source.pages import PAGES

FOLDER: Final = Path(__file__).parent.parent
"""Where the files go: what operators load lies beside this package."""


def generated() -> dict[str, str]:
    """Return the content of every generated file, by its path within :data:`FOLDER`."""
    return {
        **{page.file: page.json() for page in PAGES},
        "kubernetes/dashboards.yaml": config_maps(PAGES),
    }
