"""Copies of a ledger, good and bad: every combination of a file, a log and a mark, and what each may come to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Final

from exporter.models import SeriesKey


class File(Enum):
    """What is restored of the ledger's file."""

    RUNNING = "copied while the exporter ran, now and then in the middle of a checkpoint"
    CLOSED = "copied after the exporter was stopped"
    GONE = "none: only what lies beside it"


class Log(Enum):
    """Which write-ahead log lies beside it."""

    NONE = "none"
    OF_THEN = "that of the same moment"
    NEWER = "the newest"


class Mark(Enum):
    """Which mark lies beside it."""

    NONE = "none"
    OLDER = "that of the same moment"
    NEWER = "the newest"


class Outcome(Enum):
    """What opening the copy came to."""

    EXACT = "all that was ever written is there"
    REFUSED = "refused as damaged"
    NOTICED = "an older ledger, and noticed: withheld until all is counted again"
    AS_OF_THEN = "an older ledger, and taken for the newest: no mark tells of more"
    ANEW = "a first start: nothing is left that tells of a ledger"
    LOST = "a new ledger that knows of a lost one: from 0, and the gap is reported"


@dataclass(frozen=True, slots=True)
class Copy:
    """What is put in the ledger's place."""

    file: File
    log: Log
    mark: Mark

    @property
    def name(self) -> str:
        return f"file {self.file.name}, log {self.log.name}, mark {self.mark.name}"

    @property
    def sound(self) -> bool:
        """Whether the file and its log belong together: such a copy is never refused."""
        return (self.file, self.log) in ((File.RUNNING, Log.OF_THEN), (File.CLOSED, Log.NONE))

    @property
    def recovered(self) -> Copy:
        """The backup that a refusal asks for: sound, of the same moment."""
        return Copy(self.file, Log.OF_THEN if self.file is File.RUNNING else Log.NONE, self.mark)


COPIES: Final = tuple(
    Copy(file, log, mark)
    for file, log, mark in product(File, Log, Mark)
    if (file, log) != (File.CLOSED, Log.OF_THEN)  # closing has folded it in
    and (file, mark) != (File.GONE, Mark.NONE)  # a first start like any other
)


@dataclass(frozen=True, slots=True)
class Moment:
    """The ledger's files, and what it had published by then."""

    file: bytes
    log: bytes
    mark: bytes
    commits: int
    published: dict[SeriesKey, list[int]]
