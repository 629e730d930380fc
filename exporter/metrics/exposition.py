"""/metrics as bytes: the published part is rendered once per publish, a scrape only adds the process's own metrics."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

GZIP_LEVEL = 1
GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\4\xff"
"""Deflate, no name, no time, fastest level, unknown system."""

EOF_MARK = b"# EOF\n"
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A scrape's answer."""

    body: bytes
    content_type: str
    content_encoding: str | None


@dataclass(frozen=True, slots=True)
class _Form:
    """One exposition format of the published part: plain, and deflated up to a byte boundary, with its checksum."""

    plain: bytes
    packed: bytes
    crc: int


class Exposition:
    """Holds the latest rendering; replaced atomically by :meth:`publish`."""

    def __init__(self) -> None:
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        self._text = self._openmetrics = _form(b"")

    def publish(self, collect: Callable[[], Iterable[Metric]]) -> None:
        """Render the families that ``collect`` yields, in both formats."""
        registry = CollectorRegistry()
        registry.register(_Fixed(list(collect())))
        text, structured = generate_latest(registry), _openmetrics(registry).removesuffix(EOF_MARK)
        self._text, self._openmetrics = _form(text), _form(structured)

    def scrape(self, accept: str, *, packed: bool) -> Rendered:
        """Answer a scrape: OpenMetrics if ``accept`` prefers it to text, gzip if ``packed``."""
        open_metrics = prefers_openmetrics(accept)
        if open_metrics:
            form, own, kind = self._openmetrics, _openmetrics(self._process), OPENMETRICS_TYPE
        else:
            form, own, kind = self._text, generate_latest(self._process), TEXT_TYPE
        if not packed:
            return Rendered(form.plain + own, kind, None)
        return Rendered(_gzip(form, own), kind, "gzip")


class _Fixed(Collector):
    """Metrics that are collected already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


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


def _form(plain: bytes) -> _Form:
    deflate = _deflate()
    packed = deflate.compress(plain) + deflate.flush(zlib.Z_FULL_FLUSH)
    return _Form(plain, packed, zlib.crc32(plain))


def _gzip(form: _Form, rest: bytes) -> bytes:
    """One gzip member (RFC 1952) of ``form`` and ``rest``: many clients read no second member.

    After a full flush, further deflate blocks may follow that know nothing of those before.
    """
    deflate = _deflate()
    size = (len(form.plain) + len(rest)) & 0xFFFFFFFF
    trailer = struct.pack("<II", zlib.crc32(rest, form.crc), size)
    return GZIP_HEADER + form.packed + deflate.compress(rest) + deflate.flush() + trailer


def _deflate() -> zlib._Compress:
    """A compressor of raw deflate blocks, without header and trailer."""
    return zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
