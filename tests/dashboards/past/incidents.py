"""What befalls the simulated account on its way: scenarios of the stand-in, each for a while, and restarts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from exporter.simulator.scenarios import scenario
from exporter.simulator.workload import Effects

RESTART: Final = "restart"
"""Not the account's: the exporter is killed, and started again once this is over."""

OUTAGE: Final = "outage"

MINUTE: Final = 60.0
HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that happens, ``ago`` seconds before the history's end, for ``lasts`` seconds or until that end.

    ``what`` is a scenario, or RESTART. Raises ValueError for any other.
    """

    what: str
    ago: float
    lasts: float | None = None

    def __post_init__(self) -> None:
        if self.what != RESTART:
            scenario(self.what)

    @property
    def over(self) -> float:
        """Seconds before the history's end at which it is over."""
        return 0.0 if self.lasts is None else self.ago - self.lasts

    def goes_on(self, ago: float) -> bool:
        """Whether it is under way ``ago`` seconds before the history's end."""
        return self.over < ago <= self.ago if self.lasts is not None else ago <= self.ago


PICTURED: Final = (
    Incident(OUTAGE, ago=5 * HOUR, lasts=12 * MINUTE),
    Incident("credit-burn", ago=3.5 * HOUR, lasts=15 * MINUTE),
    Incident(RESTART, ago=2.75 * HOUR, lasts=1.5 * MINUTE),
    Incident("error-spike", ago=2 * HOUR, lasts=30 * MINUTE),
    Incident("slow-low-token", ago=40 * MINUTE),
)
"""What there is to see in the last six hours: each on its own, the last one still going on."""


def under_way(incidents: Iterable[Incident], ago: float) -> frozenset[str]:
    """Return what goes on ``ago`` seconds before the history's end."""
    return frozenset(incident.what for incident in incidents if incident.goes_on(ago))


def effects(names: Iterable[str]) -> Effects:
    """Return how the workload is bent by these scenarios, of which no two may bend it."""
    bent = [found for name in names if name != RESTART and (found := scenario(name).effects) != Effects()]
    assert len(bent) <= 1, f"two scenarios at once: {bent}"
    return bent[0] if bent else Effects()


def boundaries(incidents: Iterable[Incident]) -> list[float]:
    """Return when something begins or is over, in seconds before the history's end, first things first."""
    edges = {edge for incident in incidents for edge in (incident.ago, incident.over)}
    return sorted(edges - {0.0}, reverse=True)
