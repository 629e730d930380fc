"""/metrics as bytes: the published part is rendered once per publish, a scrape only adds the process's own metrics."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from exporter.metrics import gauges
from exporter.metrics.catalog import Family
from exporter.metrics.groups import Groups
from exporter.metrics.pieces import Piece, Press, deflate
from exporter.metrics.series import SERIES_FAMILIES
from exporter.metrics.snapshot import Snapshot
from exporter.metrics.spelling import Forms, Values, head, joined, whole

GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\4\xff"
"""Deflate, no name, no time, fastest level, unknown system."""

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A scrape's answer. The large ones of its parts are the same objects for every scrape until the next publish."""

    parts: tuple[bytes, ...]
    content_type: str
    content_encoding: str | None

    @property
    def body(self) -> bytes:
        """The parts in one."""
        return b"".join(self.parts)


class Exposition:
    """Holds the latest rendering; replaced atomically by :meth:`publish`."""

    def __init__(self) -> None:
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        press = Press()
        self._heads = [press.forms(head(of.family)) for of in SERIES_FAMILIES]
        self._groups = Groups()
        self._published = Forms(_Body(press.piece("")), _Body(press.piece("")))

    def publish(self, snapshot: Snapshot, own: Iterable[tuple[Family, Values]] = ()) -> None:
        """Render ``snapshot`` and the exporter's ``own`` families in both formats, as far as they have changed."""
        press = Press()
        families = zip(self._heads, self._groups.render(snapshot.series, press), strict=True)
        pieces = [piece for introduction, series in families for piece in (introduction, *series)]
        rest = (whole(family, values) for family, values in chain(gauges.collect(snapshot), own))
        pieces.append(press.forms(joined(rest)))
        self._published = Forms(*(_Body(Piece.joined(form)) for form in zip(*pieces, strict=True)))

    def scrape(self, accept: str, *, packed: bool) -> Rendered:
        """Answer a scrape: OpenMetrics if ``accept`` prefers it to text, gzip if ``packed``."""
        if prefers_openmetrics(accept):
            body, own, kind = self._published.openmetrics, _openmetrics(self._process), OPENMETRICS_TYPE
        else:
            body, own, kind = self._published.text, generate_latest(self._process), TEXT_TYPE
        if not packed:
            return Rendered((body.plain, own), kind, None)
        return Rendered(_gzip(body.piece, own), kind, "gzip")


@dataclass(frozen=True)
class _Body:
    """The published part in one format."""

    piece: Piece

    @cached_property
    def plain(self) -> bytes:
        """The text, unpacked when it is first asked for."""
        return self.piece.unpacked()


def prefers_openmetrics(accept: str) -> bool:
    """Whether an Accept header prefers OpenMetrics 1.0 (or 0.0.1) to the text format (RFC 9110, 12.5.1)."""
    best = {True: 0.0, False: 0.0}
    for part in accept.split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        options = dict(parameter.partition("=")[::2] for parameter in parameters)
        try:
            quality = float(options.get("q", "1"))
        except ValueError:
            quality = 0.0
        if media == "application/openmetrics-text" and options.get("version", "1.0.0") in ("1.0.0", "0.0.1"):
            best[True] = max(best[True], quality)
        elif media in ("text/plain", "text/*", "*/*"):
            best[False] = max(best[False], quality)
    return best[True] > 0 and best[True] >= best[False]


def _openmetrics(registry: CollectorRegistry) -> bytes:
    rendered: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]  # it has no annotations
    return rendered


def _gzip(published: Piece, own: bytes) -> tuple[bytes, ...]:
    """One gzip member (RFC 1952) of what is published and the process's own metrics: many clients read no second."""
    compressor = deflate()
    crc = zlib.crc32(own, published.checksum.value)
    trailer = struct.pack("<II", crc, (published.size + len(own)) & 0xFFFFFFFF)
    return GZIP_HEADER, published.packed, compressor.compress(own) + compressor.flush() + trailer
