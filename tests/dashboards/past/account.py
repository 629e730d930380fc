"""The simulated account of the history, behind the API of the compressed time; and what it has shown as finished.

Its traffic is the production trace, one hour drawn out to a day: about 28,000 completions a day, in a daily wave. It
has fewer models and skills than the stand-in's usual account, for each pair takes some 140 series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Final

import msgspec

from exporter.simulator import trace
from exporter.simulator.faults import Faults, Limits
from exporter.simulator.items import Item, Source
from exporter.simulator.listing import CursorQuery, Lister, Page
from exporter.simulator.render import row
from exporter.simulator.trace import Request
from exporter.simulator.truth import Truth
from exporter.simulator.workload import Effects, Workload
from exporter.simulator.world import World

HOUR_IN_A_DAY: Final = 1 / 24

MODELS: Final = frozenset(f"vlmrun-orion-{name}" for name in ("1:fast", "1:auto", "1:pro", "2:auto"))
SKILLS: Final = frozenset((None, "document.invoice", "document.receipt", "document.resume", "image.caption"))
"""Of chat completions; executions and requests have names of their own, and no models."""

_KEPT: Final = 10_000
"""Rows that the lists hold, which is more than is ever asked for."""


class SmallAccount(Workload):
    """Draws until the model and the skill are ones that the account uses."""

    def item(self, request: Request, created: int, sequence: int, effects: Effects, random: Random) -> Item:
        while True:
            item = super().item(request, created, sequence, effects, random)
            if item.source is not Source.COMPLETIONS or (item.model in MODELS and item.skill in SKILLS):
                return item


class Account:
    """The world of the account from ``start`` on (µs)."""

    def __init__(self, start: int, seed: int, speed: float = HOUR_IN_A_DAY) -> None:
        faults = Faults()
        self.shown = Truth()
        """Sums over the rows that some answer has shown as finished, each once: what has to be counted by then."""
        self.world = World(trace.load(), SmallAccount(seed), faults, start=start, speed=speed, keep=_KEPT)
        self._lister = Lister(self.world, faults, Limits(), Random(seed))
        self._seen: dict[Source, set[int]] = {source: set() for source in Source}

    def lists(self) -> dict[str, Listed]:
        """The three lists, by name."""
        return {
            Source.COMPLETIONS: Listed(self, self._by_cursor),
            Source.EXECUTIONS: Listed(self, self._by_offset(Source.EXECUTIONS)),
            Source.REQUESTS: Listed(self, self._by_offset(Source.REQUESTS)),
        }

    def show(self, item: Item, now: int) -> str:
        """Return the JSON of a row, and note that it was shown."""
        seen = self._seen[item.source]
        if item.settled_at <= now and item.sequence not in seen:
            seen.add(item.sequence)
            self.shown.add(item, now)
        return msgspec.json.encode(row(item, now)).decode()

    def _by_cursor(self, params: Mapping[str, str]) -> Page:
        return self._lister.by_cursor(CursorQuery(params.get("after"), int(params["limit"]), True, None, {}))

    def _by_offset(self, source: Source) -> Callable[[Mapping[str, str]], Page]:
        return lambda params: self._lister.by_offset(source, int(params.get("skip", 0)), int(params["limit"]))


class Listed:
    """One list, as :class:`TimelapseApi` serves it."""

    def __init__(self, account: Account, cut: Callable[[Mapping[str, str]], Page]) -> None:
        self._account = account
        self._cut = cut

    def page(self, now: int, params: Mapping[str, str]) -> tuple[list[str], bool]:
        """Return the JSON of the rows asked for at ``now`` (µs), and whether there are more."""
        self._account.world.advance(now)
        page = self._cut(params)
        return [self._account.show(item, now) for item in page.items], page.has_more
