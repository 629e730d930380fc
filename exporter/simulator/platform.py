"""The simulated account as a whole: the world, what befalls it, and who may ask."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Any

from exporter.models import SECOND, Clock
from exporter.simulator import scenarios, trace
from exporter.simulator.disruptions import Disruptor
from exporter.simulator.faults import Faults, Limits
from exporter.simulator.items import Source
from exporter.simulator.limiter import RateLimiter
from exporter.simulator.listing import Lister
from exporter.simulator.render import timestamp
from exporter.simulator.workload import Workload
from exporter.simulator.world import World

_KEPT_FEEDBACK = 1_000


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """How the stand-in is set up. Raises ValueError for values that make no sense."""

    host: str = "127.0.0.1"
    port: int = 9878
    """0 picks a free port."""
    scenario: str = "steady"
    seed: int = 1
    speed: float = 1.0
    """How many times as fast as recorded the arrivals are replayed; the work itself takes its time."""
    rate: float = 0.2
    """Items made of each arrival on the average; 1 is about 8 a second."""
    history: float = 3_600.0
    """Seconds of traffic before the start that the lists already hold."""
    api_key: str = "simulator"
    rate_limit_per_minute: int | None = None
    skew: float = 0.0
    """Seconds by which the server's clock is ahead."""
    keep: int = 200_000
    """About how many items are held; older ones leave the lists."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        scenarios.scenario(self.scenario)
        for name, value, allowed in (
            ("speed", self.speed, self.speed > 0),
            ("rate", self.rate, self.rate > 0),
            ("history", self.history, self.history >= 0),
            ("keep", self.keep, self.keep > 0),
            ("seed", self.seed, self.seed >= 0),
            ("rate_limit_per_minute", self.rate_limit_per_minute, (self.rate_limit_per_minute or 1) > 0),
        ):
            if not allowed:
                raise ValueError(f"simulator: {name} must not be {value}")


class Platform:
    """Everything behind the HTTP interface. Its time is the server's: the clock's, plus the skew."""

    def __init__(self, options: SimulatorOptions, clock: Clock) -> None:
        self._clock = clock
        self._skew = round(options.skew * SECOND)
        self.api_keys = frozenset({options.api_key})
        self.faults = Faults()
        self.limiter = RateLimiter(options.rate_limit_per_minute, clock)
        self.feedback: deque[dict[str, Any]] = deque(maxlen=_KEPT_FEEDBACK)
        # Apart from the items' streams, so that the number of requests made doesn't change what they show.
        random = Random(options.seed)
        now = self.now()
        self.world = World(
            trace.load(),
            Workload(options.seed),
            self.faults,
            start=now - round(options.history * SECOND),
            speed=options.speed,
            rate=options.rate,
            limits=options.limits,
            keep=options.keep,
        )
        self.lister = Lister(self.world, self.faults, options.limits, random)
        self.disruptor = Disruptor(self.faults, options.limits, clock, random)
        # The past was ordinary, whatever begins now.
        self.world.advance(now)
        self.play(options.scenario)

    def now(self) -> int:
        """The server's time in microseconds."""
        return self._clock.now() + self._skew

    def tick(self) -> int:
        """Bring the world to the present; return it."""
        now = self.now()
        self.world.advance(now)
        return now

    def play(self, name: str) -> None:
        """Switch to a scenario. Raises ValueError for an unknown one."""
        chosen = scenarios.scenario(name)
        now = self.tick()
        self.scenario, self.scenario_since = chosen, now
        self.world.effects = chosen.effects
        self.faults.replace(chosen.faults)
        self.disruptor.down(now + round(chosen.outage * SECOND))

    def state(self) -> dict[str, Any]:
        """Describe what is going on."""
        now = self.tick()
        return {
            "now": timestamp(now),
            "now_us": now,
            "scenario": self.scenario.name,
            "scenario_since": timestamp(self.scenario_since),
            "scenarios": {each.name: each.summary for each in scenarios.SCENARIOS.values()},
            "faults": self.faults.active(),
            "frozen": self.world.frozen,
            "created": self.world.born,
            "unsettled": self.world.unsettled,
            "listed": {source: len(self.world.rows(source)) for source in Source},
        }
