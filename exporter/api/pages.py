"""The two paginators, without I/O: how to ask for a page, for the one below it, and again when pages do not join.

Neither trusts the list to stand still. Each next page is asked for so that it shows some rows of the last one again,
at least one of them strictly newer than that page's oldest; whether it does is checked by
:mod:`exporter.counting.coverage`, from the rows themselves.
"""

from __future__ import annotations

from exporter.models import Page, Paginator, Paging, Position

FALLBACK_ANCHORS = 8
"""How many ids a cursor keeps, should the row it stands on be deleted."""


SPARE_OVERLAP = 4
"""Rows that offset paging shows again beyond what the proof needs."""


def paginator(paging: Paging) -> Paginator:
    """Return the paginator of a source's ``paging``."""
    return CursorPaginator() if paging is Paging.CURSOR else OffsetPaginator()


class OffsetPaginator:
    """``skip`` and ``limit``: inserts push rows down, so that rows repeat; deletes pull them up, so that rows hide."""

    def params(self, position: Position, limit: int) -> dict[str, str | int]:
        return {"skip": position.skip, "limit": limit}

    def advance(self, position: Position, page: Page, oldest: int) -> Position | None:
        overlap = _overlap_index(page, oldest)
        # A few rows more than needed, so that a few deletes above do not cost a second request.
        step = max(1, _wire_index(page, overlap) - min(SPARE_OVERLAP, page.size // 20)) if overlap > 0 else 0
        return Position(skip=position.skip + step) if step else None

    def retreat(self, position: Position, attempt: int, limit: int) -> Position:
        # Doubling: however many rows were deleted, it takes few requests to get above them.
        return Position(skip=max(0, position.skip - max(1, limit // 2) * 2 ** (attempt - 1)))

    def leap(self, position: Position, page: Page) -> Position:
        return Position(skip=position.skip + max(1, page.size - 1))


class CursorPaginator:
    """``after`` an id, newest first (OpenAI's convention). The id may be gone by the next request: keep some more."""

    def params(self, position: Position, limit: int) -> dict[str, str | int]:
        params: dict[str, str | int] = {"limit": limit, "order": "desc"}
        if position.anchors:
            params["after"] = position.anchors[0]
        return params

    def advance(self, position: Position, page: Page, oldest: int) -> Position | None:
        overlap = _overlap_index(page, oldest)
        if overlap < 1:
            return None
        own = (page.rows[index].id for index in (overlap - 1, overlap // 2, 0))
        anchors = tuple(dict.fromkeys((*own, *position.anchors)))[:FALLBACK_ANCHORS]
        return None if anchors[0] in position.anchors[:1] else Position(anchors=anchors)

    def retreat(self, position: Position, attempt: int, limit: int) -> Position:
        return Position(anchors=position.anchors[1:])

    def leap(self, position: Position, page: Page) -> Position:
        if not page.rows:
            return Position(anchors=position.anchors[1:])
        # The last row but one: that the last one is shown again proves that the anchor was found.
        return Position(anchors=(page.rows[-2:][0].id, *position.anchors)[:FALLBACK_ANCHORS])


def _overlap_index(page: Page, oldest: int) -> int:
    """Index in ``page.rows`` of the last row strictly newer than ``oldest``, -1 if there is none."""
    for index in range(len(page.rows) - 1, -1, -1):
        if page.rows[index].created > oldest:
            return index
    return -1


def _wire_index(page: Page, index: int) -> int:
    """Place on the wire of ``page.rows[index]``: rejected rows take up places too."""
    for reject in page.rejects:
        if reject.index > index:
            break
        index += 1
    return index
