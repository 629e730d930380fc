"""Series in groups of neighbours that are rendered together, and again only if one of them has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import is_
from typing import Final

from exporter.metrics.pieces import Piece, Press
from exporter.metrics.series import SERIES_FAMILIES, Labels
from exporter.metrics.snapshot import SeriesView
from exporter.metrics.spelling import Forms, joined
from exporter.models import SeriesKey

SIZE: Final = 16
"""Series in a group, at first: larger ones compress better, smaller ones leave more as it is."""

SHELF: Final = 4
"""Groups that are joined together, and again only if one of them has changed."""

Keys = tuple[SeriesKey, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """What was rendered of some series: a piece for each of :data:`SERIES_FAMILIES`."""

    views: tuple[SeriesView, ...]
    pieces: Sequence[Forms[Piece]]

    @classmethod
    def rendered(cls, keys: Keys, views: tuple[SeriesView, ...], press: Press) -> Group:
        series = [(Labels.of(key), view) for key, view in zip(keys, views, strict=True)]
        return cls(
            views,
            [press.forms(joined(family.lines(labels, view) for labels, view in series)) for family in SERIES_FAMILIES],
        )

    def shows(self, views: Sequence[SeriesView]) -> bool:
        """Whether it was rendered from these very objects, which never change."""
        return all(map(is_, self.views, views))


@dataclass(frozen=True, slots=True)
class Shelf:
    """Some groups, and their pieces joined for each of :data:`SERIES_FAMILIES`."""

    groups: Sequence[Group] = ()
    pieces: Sequence[Forms[Piece]] = ()

    @classmethod
    def joined(cls, groups: Sequence[Group]) -> Shelf:
        families = zip(*(group.pieces for group in groups), strict=True)
        return cls(groups, [_joined(pieces) for pieces in families])


class Groups:
    """Every series in the order of its labels, and what was rendered of it last.

    What is outdated is replaced group by group: the old rendering and the new one are never both held whole.
    """

    def __init__(self) -> None:
        self._known: frozenset[SeriesKey] = frozenset()
        self._ranges: Sequence[Keys] = ()
        self._groups: dict[Keys, Group] = {}
        self._shelves: list[Shelf] = []

    def render(self, series: Mapping[SeriesKey, SeriesView], press: Press) -> Sequence[Sequence[Forms[Piece]]]:
        """Render the groups in which something has changed; return the pieces of each of :data:`SERIES_FAMILIES`."""
        if series.keys() != self._known:
            self._arrange(series)
        for place in range(len(self._shelves)):
            ranges = self._ranges[place * SHELF : (place + 1) * SHELF]
            groups = [self._group(keys, series, press) for keys in ranges]
            if groups != self._shelves[place].groups:
                self._shelves[place] = Shelf.joined(groups)
        return [*zip(*(shelf.pieces for shelf in self._shelves), strict=True)] or [()] * len(SERIES_FAMILIES)

    def _arrange(self, series: Iterable[SeriesKey]) -> None:
        self._ranges = arranged(series, self._ranges)
        self._groups = {keys: self._groups[keys] for keys in self._ranges if keys in self._groups}
        self._shelves = [Shelf() for _ in range(0, len(self._ranges), SHELF)]
        self._known = frozenset(series)

    def _group(self, keys: Keys, series: Mapping[SeriesKey, SeriesView], press: Press) -> Group:
        views = tuple(map(series.__getitem__, keys))
        group = self._groups.get(keys)
        if group is None or not group.shows(views):
            group = self._groups[keys] = Group.rendered(keys, views, press)
        return group


def _joined(pieces: Sequence[Forms[Piece]]) -> Forms[Piece]:
    """Join pieces, once if the formats do not differ."""
    text = Piece.joined([piece.text for piece in pieces])
    if all(piece.text is piece.openmetrics for piece in pieces):
        return Forms(text, text)
    return Forms(text, Piece.joined([piece.openmetrics for piece in pieces]))


def arranged(keys: Iterable[SeriesKey], before: Sequence[Keys]) -> Sequence[Keys]:
    """Cut sorted keys into groups where those ``before`` began, and where one has become too large.

    So a new series changes one group, not all that follow.
    """
    starts = {keys[0] for keys in before[1:]}  # what is new at the very front belongs to the first group
    runs: list[list[SeriesKey]] = []
    for key in sorted(keys):
        if not runs or key in starts:
            runs.append([])
        runs[-1].append(key)
    return [group for run in runs for group in _cut(run)]


def _cut(run: Sequence[SeriesKey]) -> Iterable[Keys]:
    """Leave up to twice the size in one group, so that one that has grown is not cut at every new series."""
    starts = range(0, len(run) - SIZE + 1, SIZE) if len(run) > 2 * SIZE else range(1)
    return (tuple(run[start:end]) for start, end in zip(starts, (*starts[1:], len(run)), strict=True))
