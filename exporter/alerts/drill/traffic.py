"""Simulated completions as the exporter would count them, one scrape after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from exporter.alerts.drill.terms import ACCOUNT, Terms
from exporter.counting.columns import Columns
from exporter.counting.labels import LabelCaps
from exporter.counting.layout import Layout
from exporter.counting.totals import Delta, Tally, siblings
from exporter.models import SECOND, Completion, SeriesKey, SourceKey
from exporter.simulator import trace
from exporter.simulator.items import Item, Source
from exporter.simulator.scenarios import Scenario, scenario
from exporter.simulator.workload import Effects, Workload

SCRAPE_AFTER_POLL: Final = 7 * SECOND
"""How long before a scrape the lists were last polled (µs)."""

_SAMPLE: Final = 2_000
"""Arrivals that are looked at to say what ordinary traffic costs."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated: ordinary traffic from ``start`` on, and the scenario in the last ``incident`` of ``duration``.

    Times are in µs. ``rate`` items are made of each request of the trace on the average.
    """

    scenario: str
    start: int
    duration: int
    incident: int
    scrape: int
    rate: float
    seed: int

    @property
    def end(self) -> int:
        """The last scrape is not later."""
        return self.start + self.duration

    @property
    def incident_start(self) -> int:
        """When the scenario begins."""
        return self.end - self.incident

    def played(self) -> Scenario:
        """The scenario. Raises ValueError for an unknown one."""
        return scenario(self.scenario)

    def scrapes(self) -> range:
        """The times of scrapes."""
        return range(self.start + self.scrape, self.end + 1, self.scrape)

    def polled(self, scrape: int) -> int:
        """When the last poll that worked before a scrape took place."""
        outage_end = self.incident_start + round(self.played().outage * SECOND)
        polled = scrape - SCRAPE_AFTER_POLL
        return self.incident_start if self.incident_start <= polled < outage_end else polled


@dataclass(slots=True)
class Counted:
    """Everything counted so far."""

    totals: Delta = field(default_factory=Delta)
    completions: int = 0


def count(plan: Plan, layout: Layout, terms: Terms) -> Iterator[tuple[int, Counted]]:
    """Yield what has been counted at each scrape (µs). It is one object that grows: read it before going on."""
    counted = Counted()
    caps = LabelCaps(terms.max_models, terms.max_skills)
    tallies = {
        source: Tally(
            SourceKey(ACCOUNT, source), layout=layout, rules=terms.rules, caps=caps, late_after=terms.late_after
        )
        for source in Source
    }
    items = _items(plan)
    upcoming = next(items)
    waiting: list[Item] = []
    known: set[SeriesKey] = set()
    totals = counted.totals
    for scrape in plan.scrapes():
        polled = plan.polled(scrape)
        while upcoming.created <= polled:
            waiting.append(upcoming)
            upcoming = next(items)
        for source, tally in tallies.items():
            settled = [_completion(item) for item in waiting if item.source is source and item.settled_at <= polled]
            if settled:
                tally.count(totals, Columns.of(settled), polled)
                counted.completions += len(settled)
        waiting = [item for item in waiting if item.settled_at > polled]
        totals.offenders.clear()
        for key in totals.series.keys() - known:
            for sibling in siblings(key):
                totals.series.setdefault(sibling, [0] * layout.size)
                known.add(sibling)
        yield scrape, counted


def credits_per_second(plan: Plan) -> float:
    """Micro-credits that ordinary traffic takes a second, by a sample of it."""
    recorded = trace.load()
    workload, every = Workload(plan.seed), max(1, len(recorded.requests) // _SAMPLE)
    sampled = [
        workload.item(request, plan.start, 0, Effects(), workload.stream(number)).credits or 0
        for number, request in enumerate(recorded.requests[::every])
    ]
    per_item = sum(sampled) / len(sampled)
    return per_item * plan.rate * len(recorded.requests) / (recorded.period / SECOND)


def _items(plan: Plan) -> Iterator[Item]:
    """Yield items by arrival, for ever: as the stand-in makes them, but without its lists."""
    workload = Workload(plan.seed)
    ordinary, incident = Effects(), plan.played().effects
    sequence = 0
    for arrival in trace.load().replay(plan.start, 1.0):
        random = workload.stream(arrival.number)
        effects = ordinary if arrival.at < plan.incident_start else incident
        for _ in range(int(plan.rate + random.random())):
            sequence += 1
            yield workload.item(arrival.request, arrival.at, sequence, effects, random)


def _completion(item: Item) -> Completion:
    return Completion(
        id=item.id,
        created=item.created,
        status=item.status,
        model=item.model,
        skill=item.skill,
        finished=item.finished,
        input_tokens=item.input_tokens,
        output_tokens=item.output_tokens,
        credits=item.credits,
        duration=item.duration,
        time_to_first_token=item.time_to_first_token,
    )
