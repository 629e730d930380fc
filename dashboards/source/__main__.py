"""Write the JSON of every dashboard: ``python -m dashboards.source``, which is what ``make dashboards`` runs."""

from __future__ import annotations

from pathlib import Path

from dashboards.source.pages import PAGES

FOLDER = Path(__file__).parent.parent

for page in PAGES:
    (FOLDER / page.file).write_text(page.json(), encoding="utf-8")
