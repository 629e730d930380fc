"""Ctrl-C, SIGTERM and a closed terminal as one exception, for commands that have something to clean up."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SIGNALS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal asked the command to stop.

    No KeyboardInterrupt: CPython remembers one that passes through `exec` or `eval` of a string, as in a module with
    dataclasses that is imported late, and at the end dies of SIGINT although it was caught.
    """


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGHUP, SIGINT and SIGTERM raise Stopped in the body. For the main thread only.

    One that is ignored, as SIGINT in the background of a script, still is.
    """

    def stop(number: int, frame: object) -> None:
        raise Stopped

    heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
