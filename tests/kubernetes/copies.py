"""An example as somebody might have changed it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.kubernetes.manifests import KUBERNETES, ROOT


def copied(scratch: Path, name: str) -> Path:
    """Copy all that the example ``name`` is rendered from into ``scratch``, and return the example's folder."""
    for folder in (KUBERNETES, ROOT / "dashboards" / "kubernetes"):
        shutil.copytree(folder, scratch / folder.relative_to(ROOT))
    return scratch / KUBERNETES.relative_to(ROOT) / "examples" / name


def altered(scratch: Path, name: str, file: str, old: str, new: str) -> Path:
    """Copy the example likewise, and put ``new`` in the place of the only ``old`` in one of its files."""
    folder = copied(scratch, name)
    text = (folder / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    return folder
