"""The exporter with a bug: ``python -m tests.e2e.blunder PLACE …`` fails where it should not, with the key in hand.

PLACE is ``poll``, or after each poll a ``callback`` of the event loop, a ``thread`` or a ``finalizer``, or the ``end``.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import NoReturn

from exporter.cli import main
from exporter.poller import SourcePoller
from exporter.web.server import WebServer


class BlunderError(Exception):
    """Nobody expects it."""


class _Garbage:
    def __del__(self) -> None:
        _fail()


def _fail() -> NoReturn:
    key = os.environ["VLMRUN_API_KEY"]
    try:
        raise KeyError(key)
    except KeyError as error:
        wrong = BlunderError(f"cannot use Bearer {key}", {"Authorization": key})
        wrong.add_note(f"the key was {key}")
        raise wrong from error


def _blunder(place: str) -> None:
    poll = SourcePoller.poll

    async def poll_and_fail(self: SourcePoller) -> None:
        await poll(self)  # which reads the key
        match place:
            case "poll":
                _fail()
            case "callback":
                asyncio.get_running_loop().call_soon(_fail)
            case "thread":
                threading.Thread(target=_fail).start()
            case "finalizer":
                _Garbage()

    async def stop_and_fail(self: WebServer, grace: float) -> None:
        _fail()

    if place == "end":
        WebServer.stop = stop_and_fail  # type: ignore[method-assign]
    else:
        SourcePoller.poll = poll_and_fail  # type: ignore[method-assign]


if __name__ == "__main__":
    _blunder(sys.argv.pop(1))
    sys.exit(main())
