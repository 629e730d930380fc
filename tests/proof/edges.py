"""Places in the exporter at which a process is killed, or sent another signal: ``python -m tests.proof.edges``.

The product has no hooks for tests. The launcher wraps one of its functions in the process it starts, then runs the
ordinary command line: at the n-th passage of the edge the process sends itself the signal, in the middle of whatever it
is doing. A function that is not there any more is an error, so that no edge goes missing unnoticed.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from exporter.cli import main as run_exporter

SQLITE_STEP: Final = 8
"""Instructions of SQLite's machine between two passages of an edge that lies amid a script."""


class When(Enum):
    """Where in a call the edge lies."""

    BEFORE = auto()
    AFTER = auto()
    ENDING = auto()
    """At the end of the block that a context manager guards, before it closes."""
    AMID = auto()
    """Every few instructions of what the call lets its first argument, an SQLite connection, do."""


class Phase(Enum):
    """What an exporter must be doing for the edge to be reached."""

    CREATING = auto()
    """Creating a ledger: there is none yet."""
    RUNNING = auto()
    STOPPING = auto()
    """Ending on SIGTERM."""
    RELOADING = auto()
    """Taking its configuration anew, on SIGHUP."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A place: ``target`` is ``module:attribute``, as the product looks the function up when it calls it."""

    target: str
    when: When
    phase: Phase = Phase.RUNNING
    passages: int = 1
    """How often a life of seconds passes it at least, so that the kill may come at any of these."""
    kills: bool = True
    """Whether the kill harness kills there."""


EDGES: Final = {
    # A new ledger: an empty file, half a schema, a schema without identity, a ledger without its mark.
    "file created": Edge("exporter.store.ledgerfile:connect", When.AFTER, Phase.CREATING),
    "amid the migration": Edge("exporter.store.opening:_migrate", When.AMID, Phase.CREATING, 60),
    "migrated, no identity": Edge("exporter.store.opening:_identify", When.BEFORE, Phase.CREATING),
    "identified, no mark": Edge("exporter.store.opening:_identify", When.AFTER, Phase.CREATING),
    # A request.
    "request recorded, not sent": Edge("exporter.store.ledgerfile:Store.record_request", When.AFTER, passages=5),
    "page fetched, not decided": Edge("exporter.poller:SourcePoller._decode", When.AFTER, passages=5),
    # A page's transaction: rows, totals, coverage, counters. The last statement prunes.
    "rows written, not committed": Edge("exporter.store.ledgerfile:Store._forget", When.AFTER, passages=4),
    "any transaction, not committed": Edge("exporter.store.ledgerfile:Store._transaction", When.ENDING, passages=12),
    "committed, not marked": Edge("exporter.store.ledgerfile:Store._write_mark", When.BEFORE, passages=4),
    "mark replaced, not renamed": Edge("exporter.store.highwater:os.replace", When.BEFORE),
    "mark placed, not written": Edge("exporter.store.highwater:os.pwrite", When.BEFORE, passages=4),
    "committed, not adopted": Edge("exporter.books:Books._adopt", When.BEFORE, passages=4),
    # A publication.
    "before publishing": Edge("exporter.publisher:Publisher.publish", When.BEFORE, passages=5),
    "published": Edge("exporter.publisher:Publisher.publish", When.AFTER, passages=5),
    "birth released, not shown": Edge("exporter.store.ledgerfile:Store.release", When.AFTER),
    # The ways out.
    "stopping, pollers run": Edge("exporter.runtime:Runtime.stop", When.BEFORE, Phase.STOPPING),
    "stopping, ledger open": Edge("exporter.store.ledgerfile:Store.close", When.BEFORE, Phase.STOPPING),
    "stopping, ledger closed": Edge("exporter.store.ledgerfile:Store.close", When.AFTER, Phase.STOPPING),
    "reloading, pollers gone": Edge("exporter.runtime:Runtime.inherit", When.BEFORE, Phase.RELOADING),
    # On the way in; SIGHUP comes there.
    "opening the ledger": Edge("exporter.store.ledgerfile:connect", When.BEFORE, kills=False),
    "web server starting": Edge("exporter.web.server:WebServer.start", When.BEFORE, kills=False),
    "web server started": Edge("exporter.web.server:WebServer.start", When.AFTER, kills=False),
    "stopping, web server stops": Edge("exporter.web.server:WebServer.stop", When.BEFORE, Phase.STOPPING, kills=False),
}


def arm(name: str, passage: int = 1, number: signal.Signals = signal.SIGKILL) -> None:
    """Have this process send itself a signal at the ``passage``-th passage of an edge, counted from 1.

    Raises LookupError if there is no such edge, or nothing where it was.
    """
    edge = EDGES[name]
    owner, attribute = locate(edge)
    passed = 0

    def pass_by() -> None:
        nonlocal passed
        passed += 1
        if passed == passage:
            os.kill(os.getpid(), number)

    setattr(owner, attribute, _wrapped(getattr(owner, attribute), edge.when, pass_by))


def locate(edge: Edge) -> tuple[Any, str]:
    """Return the object that holds the function of an edge, and the name it has there. Raises LookupError."""
    module, _, path = edge.target.partition(":")
    *outer, attribute = path.split(".")
    try:
        owner: Any = importlib.import_module(module)
        for part in outer:
            owner = getattr(owner, part)
        getattr(owner, attribute)
    except (ImportError, AttributeError) as error:
        raise LookupError(f"{edge.target} is no edge of the exporter any more: {error}") from error
    return owner, attribute


def _wrapped(function: Callable[..., Any], when: When, pass_by: Callable[[], None]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if when is When.BEFORE:
            pass_by()
        result = function(*args, **kwargs)
        if when is When.AFTER:
            pass_by()
        return result

    @functools.wraps(function)
    async def call_later(*args: Any, **kwargs: Any) -> Any:
        if when is When.BEFORE:
            pass_by()
        result = await function(*args, **kwargs)
        if when is When.AFTER:
            pass_by()
        return result

    @contextmanager
    def guard(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with function(*args, **kwargs) as value:
            yield value
            pass_by()

    @functools.wraps(function)
    def step(db: Any, *args: Any, **kwargs: Any) -> Any:
        db.set_progress_handler(pass_by, SQLITE_STEP)
        try:
            return function(db, *args, **kwargs)
        finally:
            db.set_progress_handler(None, 0)

    match when:
        case When.ENDING:
            return guard
        case When.AMID:
            return step
        case _:
            return call_later if inspect.iscoroutinefunction(function) else call


def main(arguments: Sequence[str]) -> int:
    """Arm the edge that the first argument names, as ``EDGE`` or ``EDGE@SIGNAL``; the others are the exporter's."""
    name, _, number = arguments[0].partition("@")
    arm(name, number=signal.Signals[number or "SIGKILL"])
    return run_exporter(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
