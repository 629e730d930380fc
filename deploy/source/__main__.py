"""Write the generated manifests: ``python -m deploy.source``, or ``make kubernetes``."""

from __future__ import annotations

from deploy.source.prometheusrules import FOLDER, generated

for name, text in generated().items():
    (FOLDER / name).write_text(text, encoding="utf-8")
