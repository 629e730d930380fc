"""Secrets to be looked for: texts that occur nowhere else, and a search for every form that they may take."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from urllib.parse import quote, quote_plus

KEY = "sk-Canary/9d41+F0c2"
"""An API key: what it holds is written differently in URLs and in base64."""

PROMPT = "Canary-prompt 77aa3e51 «größer»"
"""What a user asked, or was answered: it is written differently in URLs, in JSON and in base64."""


def forms(canary: str) -> frozenset[bytes]:
    """Return everything to look for, in lower case: plain, in URLs, JSON, hexadecimal, base64, UTF-16."""
    plain = canary.encode()
    texts = {
        canary,
        quote(canary),
        quote(canary, safe=""),
        quote_plus(canary),
        "".join(f"%{byte:02x}" for byte in plain),
        json.dumps(canary)[1:-1],
        json.dumps(canary)[1:-1].replace("/", "\\/"),
        repr(canary.encode())[2:-1],
        plain.hex(),
        plain.hex(" "),
        plain.hex(":"),
    }
    wide = {canary.lower().encode("utf-16-le"), canary.lower().encode("utf-16-be")}
    return frozenset({text.lower().encode() for text in texts} | wide | set(_base64(plain)))


def found(contents: Mapping[str, bytes], *canaries: str) -> list[str]:
    """Return where a canary is, as ``place: form``; what is packed with gzip or zlib is unpacked too."""
    wanted = [form for canary in canaries for form in forms(canary)]
    hits = []
    for place, content in contents.items():
        for layer in _layers(content):
            hits += [f"{place}: {form!r}" for form in wanted if form in layer.lower()]
    return hits


def _base64(plain: bytes) -> Iterator[bytes]:
    """Yield what is the same wherever in a longer base64 text the bytes are, in lower case."""
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # The first and the last characters also hold bits of the neighbours.
            yield encode(bytes(shift) + plain)[4 if shift else 0 : -4].lower()


def _layers(content: bytes) -> Iterator[bytes]:
    yield content
    for unpack in (gzip.decompress, zlib.decompress):
        with suppress(OSError, EOFError, zlib.error):
            yield unpack(content)
