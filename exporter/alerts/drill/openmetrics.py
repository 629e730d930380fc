"""A history from a file: OpenMetrics text with a time on every sample, as of ``promtool tsdb dump-openmetrics``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from exporter.alerts.drill.ends import UP, Ends
from exporter.alerts.drill.samples import LATEST, Chunk, Labels, series

_SAMPLE: Final = re.compile(
    r"""(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
        (?:\{(?P<labels>(?:"(?:\\.|[^"\\])*"|[^}"])*)\})?
        \ (?P<value>[-+]?(?:[0-9.]\S*|(?i:inf|nan)))
        (?:\ (?P<time>\S+))?
        (?:\ \#\ .*)?""",
    re.VERBOSE,
)
_LABEL: Final = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:\\.|[^"\\])*)"(?:,|$)')
_ESCAPE: Final = re.compile(r"\\(.)")
_HELD: Final = 500_000
"""Samples that are read before they are handed on."""


class FileError(Exception):
    """A file that is no such text; the message says which line and why."""


def history(path: Path, needed: Collection[str]) -> Iterator[Chunk]:
    """Yield the samples of the ``needed`` metrics. Raises FileError.

    The file is read twice: a dump is series by series, and ``up`` may come last.
    """
    ends = Ends()
    for chunk in _read(path, {UP}):
        ends.note(chunk)
    for chunk in _read(path, needed):
        yield ends.within(chunk)
    yield from ends.of_the_rest()


def _read(path: Path, needed: Collection[str]) -> Iterator[Chunk]:
    try:
        with path.open(encoding="utf-8") as lines:
            yield from _chunks(path, lines, frozenset(needed))
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is not UTF-8 ({error.reason})") from None


def _chunks(path: Path, lines: Iterable[str], needed: frozenset[str]) -> Iterator[Chunk]:
    held: dict[Labels, tuple[list[int], list[float]]] = {}
    latest: dict[Labels, int] = {}
    known: dict[tuple[str, str], Labels] = {}
    count, ended = 0, False
    for number, line in enumerate(lines, 1):
        if ended:
            raise FileError(f"{path}:{number}: there is more after # EOF")
        if line.startswith("#") or line == "\n":
            ended = line.rstrip("\n") == "# EOF"
            continue
        match = _SAMPLE.fullmatch(line.rstrip("\n"))
        if match is None:
            raise FileError(f"{path}:{number}: is no sample in OpenMetrics text")
        if match["name"] not in needed:
            continue
        try:
            key = (match["name"], match["labels"] or "")
            labels = known.get(key) or known.setdefault(key, series(key[0], _labels(key[1])))
            time, value = _milliseconds(match["time"]), float(match["value"])
        except ValueError as error:
            raise FileError(f"{path}:{number}: {error}") from None
        if time <= latest.get(labels, time - 1):
            raise FileError(f"{path}:{number}: is not later than the series' sample before it")
        latest[labels] = time
        times, values = held.setdefault(labels, ([], []))
        times.append(time)
        values.append(value)
        count += 1
        if count >= _HELD:
            yield from _drain(held)
            held, count = {}, 0
    if not ended:
        raise FileError(f"{path}: does not end in # EOF: it was cut, or is no OpenMetrics text")
    yield from _drain(held)


def _drain(held: dict[Labels, tuple[list[int], list[float]]]) -> Iterator[Chunk]:
    for labels, (times, values) in held.items():
        yield Chunk(labels, times, values)


def _labels(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        match = _LABEL.match(text, place)
        if match is None:
            raise ValueError("has labels that cannot be read")
        yield match[1], _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], match[2])
        place = match.end()
        while text[place : place + 1] == " ":
            place += 1


def _milliseconds(text: str | None) -> int:
    if text is None:
        raise ValueError("has no time: samples must say when they were taken")
    try:
        time = round(float(text) * 1000)
    except (ValueError, OverflowError):
        time = -1
    if not 0 <= time < LATEST:
        raise ValueError(f"has no valid time ({text[:40]!r}): seconds since 1970")
    return time
