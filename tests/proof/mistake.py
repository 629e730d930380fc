"""A mistake on purpose: an edit of the source of one or a few functions, made while a context lasts.

One that no longer fits the source is an error, so that a list of them cannot go stale.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from types import ModuleType
from typing import Any

from tests.proof.leads import Lead


@dataclass(frozen=True, slots=True)
class Edit:
    """In the source of ``place`` (a function, or CLASS.METHOD) of ``module``, ``old`` becomes ``new``."""

    module: ModuleType
    place: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mistake, and the way in which a poller that makes it lies."""

    name: str
    edits: Sequence[Edit]
    lead: Lead | None = None
    """The first steps of the histories in which it shows; None if random ones show it soon."""

    @contextmanager
    def built_in(self) -> Iterator[None]:
        """Make the mistake while the context lasts. Raises ValueError if the source has changed too much."""
        undo: list[Callable[[], None]] = []
        try:
            for (module, place), edits in groupby(self.edits, key=lambda edit: (edit.module, edit.place)):
                undo.append(_apply(module, place, list(edits)))
            yield
        finally:
            for each in reversed(undo):
                each()


def _apply(module: ModuleType, place: str, edits: Sequence[Edit]) -> Callable[[], None]:
    """Put an edited function in the place of the plain one; return how to undo that."""
    owner_name, _, name = place.rpartition(".")
    owner: Any = getattr(module, owner_name) if owner_name else module
    plain = owner.__dict__[name]
    source = textwrap.dedent(inspect.getsource(plain))
    for edit in edits:
        if source.count(edit.old) != 1:
            raise ValueError(f"{module.__name__}.{place} has {edit.old!r} {source.count(edit.old)} times, not once")
        source = source.replace(edit.old, edit.new)
    code = compile(source, f"<mutant of {place}>", "exec", annotations.compiler_flag, dont_inherit=True)
    scratch: dict[str, Any] = {}
    exec(code, vars(module), scratch)
    setattr(owner, name, scratch[name])
    return lambda: setattr(owner, name, plain)
