"""Write the JSON of every dashboard, and the ConfigMaps: ``python -m dashboards.source``, or ``make dashboards``."""

from __future__ import annotations

from dashboards.source.files import FOLDER, generated

for path, text in generated().items():
    file = FOLDER / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
