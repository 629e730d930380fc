"""Prometheus's blocks from OpenMetrics text, by promtool, while more text is being written."""

from __future__ import annotations

import subprocess
from collections import deque
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

from tests.dashboards.past.samples import EOF

WINDOW: Final = 2 * 3_600_000
"""How much time a block takes (ms): promtool would read a file once for each of them."""

_AT_ONCE: Final = 2
"""Conversions that run at a time: writing waits for the oldest."""


class Blocks(AbstractContextManager["Blocks"]):
    """A folder that fills with blocks. Text is written window by window, in order; each file goes when it is read."""

    def __init__(self, promtool: Path, folder: Path, scratch: Path) -> None:
        """Make blocks in ``folder``, of text that lies in ``scratch`` meanwhile."""
        self._promtool = promtool
        self._folder = folder
        self._scratch = scratch
        self._window = -1
        self._file: TextIO | None = None
        self._running: deque[tuple[subprocess.Popen[str], Path]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._close()
            while self._running:
                self._finish()
        for process, _ in self._running:
            process.kill()
            process.wait()
        if self._file is not None:
            self._file.close()

    def at(self, time: int) -> TextIO:
        """Return the file for samples at ``time`` (ms), not earlier than any before. Raises RuntimeError."""
        window = time // WINDOW
        if window != self._window or self._file is None:
            self._close()
            self._window = window
            self._file = self._path(window).open("w", encoding="utf-8")
        return self._file

    def _path(self, window: int) -> Path:
        return self._scratch / f"{window}.om"

    def _close(self) -> None:
        if self._file is None:
            return
        self._file.write(EOF)
        self._file.close()
        self._file = None
        path = self._path(self._window)
        while len(self._running) >= _AT_ONCE:
            self._finish()
        command: list[str | Path] = [
            self._promtool,
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "--quiet",
            path,
            self._folder,
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._running.append((process, path))

    def _finish(self) -> None:
        process, path = self._running.popleft()
        said, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"promtool could not read {path.name}: {said.strip()}")
        path.unlink()
