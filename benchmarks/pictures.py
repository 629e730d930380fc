"""How the cost of a row grows, as pictures: the same results draw the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib

from benchmarks.results import Figure, Results

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "vlmrun-exporter"
matplotlib.rcParams["svg.fonttype"] = "none"
matplotlib.rcParams["font.family"] = "sans-serif"

from matplotlib import pyplot  # noqa: E402  # after the back end is chosen


@dataclass(frozen=True, slots=True)
class Picture:
    """One graph: figures under a prefix, by the number that their names end with."""

    name: str
    prefix: str
    title: str
    across: str
    cost: str = "µs a row"


PICTURES = (
    Picture("page-size", "growth/page size/", "Ingest by rows of a page", "rows of a page"),
    Picture("series", "growth/series/", "Ingest by combinations of model and skill", "combinations of model and skill"),
    Picture("accounts", "growth/accounts/", "The daemon by accounts, the same rows in all", "accounts", "CPU µs a row"),
    Picture("ledger", "ledger/", "Ingest by rows that the ledger held before", "rows in the ledger before"),
)


def draw(folder: Path, results: Results) -> None:
    """Draw every picture that there are figures for, as ``performance-NAME.svg``."""
    for picture in PICTURES:
        if found := results.under(picture.prefix):
            _draw(folder / f"performance-{picture.name}.svg", picture, found)


def _draw(file: Path, picture: Picture, found: Mapping[str, Figure]) -> None:
    points = sorted((int(value), figure) for value, figure in found.items())
    figure, axes = pyplot.subplots(figsize=(6.4, 3.6), layout="constrained")
    axes.errorbar(
        [value for value, _ in points],
        [each.median * 1e6 for _, each in points],
        yerr=[each.spread * 1e6 for _, each in points],
        marker="o",
        capsize=3,
    )
    axes.set(title=picture.title, xlabel=picture.across, ylabel=f"{picture.cost}, median ± spread")
    # An empty ledger, too, has its place on the axis.
    axes.set_xscale("symlog", linthresh=max(1, min(value for value, _ in points if value)))
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    figure.savefig(file, format="svg", metadata={"Date": None})
    pyplot.close(figure)
