"""The dashboards that are committed are those that their source makes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import pytest

from dashboards.source.files import FOLDER, generated

FILES: Final = generated()


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_as_generated(path: str) -> None:
    assert (FOLDER / path).read_bytes().decode("utf-8") == FILES[path], "make dashboards"


def test_every_dashboard_is_generated() -> None:
    assert {file.name for file in FOLDER.glob("*.json")} == {path for path in FILES if path.endswith(".json")}


def test_what_is_generated_is_always_the_same() -> None:
    """Another process has another order of sets."""
    code = "import json; from dashboards.source.files import generated; print(json.dumps(generated()))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=FOLDER.parent,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
