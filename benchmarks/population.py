"""A world of many series: the trace's completions, spread evenly over made-up combinations of model and skill."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice, product
from pathlib import Path

import msgspec

from benchmarks import rows
from benchmarks.listing import Listing
from benchmarks.pipeline import Pipeline, Unrendered
from exporter.simulator.items import Item

MODELS = 50
SKILLS = 200
"""As many as the exporter gives series of their own by default (labels.max_models, labels.max_skills)."""

ROWS = 10
"""Completions of each combination: few, so that a peer can observe all of them, too."""

LINES = 80
"""Sample lines of a combination."""


def combinations(number: int) -> list[tuple[str, str]]:
    """So many pairs of model and skill, at most all there are: few models with many skills rather than the reverse."""
    pairs = ((f"model-{model:02}", f"skill-{skill:03}") for model, skill in product(range(MODELS), range(SKILLS)))
    return list(islice(pairs, number))


def spread(items: Sequence[Item], number: int) -> list[Item]:
    """The same completions, over ``number`` combinations in turn."""
    pairs = cycle(combinations(number))
    return [
        msgspec.structs.replace(item, model=model, skill=skill)
        for item, (model, skill) in zip(items, pairs, strict=False)
    ]


def needed(lines: int) -> int:
    """How many combinations make about so many sample lines."""
    return max(1, lines // LINES)


def populated(ledger: Path, lines: int) -> Pipeline:
    """The exporter after a first day with so many combinations that it shows about ``lines`` sample lines."""
    number = needed(lines)
    listing = Listing(spread(rows.items(number * ROWS), number))
    pipeline = Pipeline(ledger, Unrendered())
    while (wanted := pipeline.wanted(listing)) is not None:
        pipeline.take(listing.body(wanted), listing.observed)
    return pipeline
