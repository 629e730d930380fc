"""The six dashboards, a module each."""

from __future__ import annotations

from typing import Final

from dashboards.source.assembly import Page
from dashboards.source.pages import credits, exporter, latency, models, overview, tokens

PAGES: Final[tuple[Page, ...]] = (
    overview.PAGE,
    models.PAGE,
    tokens.PAGE,
    latency.PAGE,
    credits.PAGE,
    exporter.PAGE,
)
