"""Simulated worlds that have run for a while, with a fault or without, and what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporter.models import SECOND
from exporter.simulator.faults import Fault, Faults, Limits
from exporter.simulator.items import Item, Source
from exporter.simulator.trace import load
from exporter.simulator.workload import Workload
from exporter.simulator.world import World
from tests.clocks import START

MINUTE = 60 * SECOND
TRACE = load()


def make_world(
    faults: Mapping[Fault, float] | None = None, *, seed: int = 1, limits: Limits | None = None, **options: Any
) -> World:
    return World(TRACE, Workload(seed), Faults(faults), start=START, limits=limits or Limits(), **options)


def aged(world: World, minutes: float = 10) -> World:
    world.advance(START + round(minutes * MINUTE))
    return world


def struck(fault: Fault, probability: float = 1.0, limits: Limits | None = None, minutes: float = 10) -> World:
    return aged(make_world({fault: probability}, limits=limits), minutes)


def items_of(world: World, source: Source = Source.COMPLETIONS) -> list[Item]:
    return list(world.rows(source))


def everything(world: World) -> list[Item]:
    return [item for source in Source for item in world.rows(source)]
