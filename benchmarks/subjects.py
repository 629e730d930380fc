"""What is measured, as a process that speaks lines: each has a heap and a garbage collector of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parent.parent

GRACE = 30.0
"""Seconds that a subject may take to end after its input has ended."""


class SubjectError(Exception):
    """A subject could not be started, broke off, or counted wrong: the message says which and why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """How to start one, and what it is told for every round (``arguments``)."""

    name: str
    command: Sequence[str]
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Running:
    """A started subject. To be used as a context."""

    def __init__(self, subject: Subject) -> None:
        """Start it and wait until it is ready. Raises SubjectError."""
        self.name = subject.name
        self._arguments = subject.arguments
        try:
            self._process = subprocess.Popen(
                subject.command,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            raise SubjectError(f"{self.name}: {error}") from error
        try:
            self.ready = self._hear()
        except SubjectError:
            self._end()
            raise

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def play(self, **arguments: Any) -> dict[str, Any]:
        """Have it do a round, with ``arguments`` beside its own, and return what it says. Raises SubjectError."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({**self._arguments, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._broken() from error
        return self._hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._broken()
        try:
            said = json.loads(line)
        except ValueError as error:
            raise SubjectError(f"{self.name}: said {line!r}, which is not JSON") from error
        assert isinstance(said, dict)
        return said

    def _broken(self) -> SubjectError:
        return SubjectError(f"{self.name}: broke off with exit code {self._process.wait(GRACE)}")
