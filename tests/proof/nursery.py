"""Many short lives of the exporter, cheaply: a process that has imported it and forks a child for every life.

A start of Python costs most of a second, a fork some milliseconds. Each child runs the ordinary command line with its
own files, environment, signal handlers and random numbers, and dies of a real ``kill -9`` sent by its parent, unless
an edge (see :mod:`tests.proof.edges`) kills it first. The parent itself has no event loop, no thread, no socket and no
database that a child could inherit.
"""

from __future__ import annotations

import gc
import importlib
import os
import random
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec

from tests.e2e.process import ROOT, START_SECONDS, environment

PRELOADED: Final = ("exporter.cli.commands", "tests.proof.edges", "anyio._backends._asyncio", "httpcore", "tzdata")
"""What every child needs; the last three are otherwise imported once a poll or a scrape comes."""


LISTENS: Final = b"msg=listening"
"""What an exporter logs once it takes signals."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """How an exporter is to live, and to die."""

    arguments: Sequence[str]
    folder: str
    log: str
    seconds: float
    """When it is killed at the latest: since its fork, or since its ``hint``."""
    edge: str | None = None
    passage: int = 1
    hint: int | None = None
    """A signal that it is sent before, SIGTERM or SIGHUP, once it listens."""
    hint_at: float = 0.0
    """How long after it listens (s)."""
    new_config: tuple[str, str] | None = None
    """A file and what is written into it before the ``hint``: a reload that finds nothing changed does nothing."""
    environ: Mapping[str, str] = msgspec.field(default_factory=lambda: environment(SSL_CERT_FILE=os.devnull))
    """Without certificates of authorities: to read them is most of a start, and nothing here is encrypted."""


class Ending(msgspec.Struct, frozen=True):
    """How a life ended: ``code`` is its exit code, negative for a signal; ``peak_rss`` is in bytes."""

    code: int
    killed: bool
    """Whether its time was up; otherwise it ended by itself, or at its edge."""
    seconds: float
    peak_rss: int

    @property
    def at_edge(self) -> bool:
        """Whether the edge killed it."""
        return self.code == -signal.SIGKILL and not self.killed


class Nursery(AbstractContextManager["Nursery"]):
    """A nursery in a process of its own; leaving its context ends it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.proof.nursery"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def live(self, life: Life) -> Ending:
        """Let an exporter live and die. Raises AssertionError if the nursery itself has died."""
        order, report = self._process.stdin, self._process.stdout
        assert order is not None and report is not None
        order.write(msgspec.json.encode(life) + b"\n")
        order.flush()
        line = report.readline()
        assert line, f"the nursery ended with {self._process.wait()}"
        return msgspec.json.decode(line, type=Ending)


def main() -> None:
    """Read a life a line, lead it, write how it ended, until there is no more."""
    for name in PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what a child only reads is never copied for it
    orders, reports = sys.stdin.buffer, sys.stdout.buffer
    for line in orders:
        ending = lead(msgspec.json.decode(line, type=Life))
        reports.write(msgspec.json.encode(ending) + b"\n")
        reports.flush()


def lead(life: Life) -> Ending:
    """Fork a child, and kill it when its time is up."""
    began = time.monotonic()
    log = Path(life.log)
    logged = log.stat().st_size if log.exists() else 0
    lifeline, held = os.pipe()  # its other end is closed by the child's death, however that comes
    child = os.fork()
    if not child:
        os.close(lifeline)
        _be(life, held)
    os.close(held)

    def ended(seconds: float) -> bool:
        found, _, _ = select.select([lifeline], [], [], seconds)
        return bool(found)

    if life.hint is not None:
        while not (gone := ended(0.01)) and time.monotonic() < began + START_SECONDS:
            if log.exists() and LISTENS in written(log, logged):
                break
        if not gone and not ended(life.hint_at):
            if life.new_config is not None:
                file, text = life.new_config
                Path(file).write_text(text, encoding="utf-8")
            os.kill(child, life.hint)
    killed = not ended(life.seconds)
    if killed:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    os.close(lifeline)
    return Ending(os.waitstatus_to_exitcode(status), killed, time.monotonic() - began, usage.ru_maxrss * 1024)


def written(log: Path, since: int) -> bytes:
    """Return what a log has gained since it had so many bytes."""
    with log.open("rb") as file:
        file.seek(since)
        return file.read()


def _be(life: Life, held: int) -> None:
    """Become the exporter; does not return."""
    code = 70
    try:
        os.chdir(life.folder)
        os.environ.clear()
        os.environ.update(life.environ)
        log = os.open(life.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, held)
        os.closerange(held + 1, os.sysconf("SC_OPEN_MAX"))
        random.seed()  # or every life would jitter alike
        from exporter.cli import main as run_exporter
        from tests.proof import edges

        if life.edge is not None:
            edges.arm(life.edge, life.passage)
        code = run_exporter(life.arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def tail(log: Path, size: int = 4000) -> str:
    """Return the end of a log."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - size))
        return file.read().decode("utf-8", "replace")


if __name__ == "__main__":
    main()
