"""What can be played: how the workload bends, and which faults are on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from exporter.simulator.faults import Fault
from exporter.simulator.workload import Effects


@dataclass(frozen=True, slots=True)
class Scenario:
    """``outage`` is how many seconds from its start the API answers nothing but 503, or nothing at all."""

    name: str
    summary: str
    effects: Effects = field(default_factory=Effects)
    faults: Mapping[Fault, float] = field(default_factory=dict)
    outage: float = 0.0


HOSTILE: Final[Mapping[Fault, float]] = {
    Fault.TIED: 0.3,
    Fault.LATE: 0.05,
    Fault.DELETED: 0.03,
    Fault.LONG_PENDING: 0.1,
    Fault.PENDING_DELETED: 0.02,
    Fault.AMENDED: 0.01,
    Fault.MISSING_VALUES: 0.02,
    Fault.BAD_ROW: 0.01,
    Fault.TIMESTAMP_STYLES: 0.5,
    Fault.HOSTILE_LABELS: 0.01,
    Fault.SHUFFLED_TIES: 0.5,
    Fault.ROWS_OMITTED: 0.02,
    Fault.ORDER_IGNORED: 0.01,
    Fault.DISORDERED: 0.01,
    Fault.LIMIT_CLAMPED: 0.05,
    Fault.HAS_MORE_LIES: 0.05,
    Fault.CURSOR_IGNORED: 0.02,
    Fault.ANCHOR_GONE: 0.02,
    Fault.SKIP_CAPPED: 0.05,
    Fault.FROZEN: 0.02,
    Fault.TRUNCATED_JSON: 0.01,
    Fault.HTML: 0.01,
    Fault.ERROR_OBJECT: 0.01,
    Fault.GZIP_BOMB: 0.005,
    Fault.SLOW: 0.02,
    Fault.DRIP: 0.02,
    Fault.HANG: 0.002,
    Fault.RESET: 0.01,
    Fault.CUT: 0.01,
    Fault.SERVER_ERROR: 0.03,
    Fault.RATE_LIMITED: 0.02,
    Fault.REDIRECT: 0.005,
}
"""Everything that a careful poller survives without losing a row.

Left out is the empty page for a row that is there (``anchor_empty``): on a list's first pages nothing tells that from
its end. What is on stays recoverable through :class:`exporter.simulator.faults.Limits`: rows appear within 15 minutes
of their creation, stay listed for a while once they have settled, and are omitted, or hidden by an old page, for a
short time only.
"""

SCENARIOS: Final[Mapping[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (
        Scenario("steady", "ordinary traffic, about 1% errors"),
        Scenario(
            "error-spike", "40% of everything with document.invoice fails", Effects(failing_skill="document.invoice")
        ),
        Scenario(
            "slow-low-token",
            "short answers of vlmrun-orion-1:pro take 15 to 60 seconds longer",
            Effects(slow_model="vlmrun-orion-1:pro"),
        ),
        Scenario("credit-burn", "everything costs 20 times as many credits", Effects(credit_factor=20)),
        Scenario("outage", "the API is down for three minutes, then shows the backlog", outage=180.0),
        Scenario("hostile", "every fault that a careful poller survives, mixed", faults=HOSTILE),
    )
}


def scenario(name: str) -> Scenario:
    """Return a scenario by name. Raises ValueError that lists the names."""
    if name not in SCENARIOS:
        raise ValueError(f"unknown scenario {name!r}; allowed: {', '.join(SCENARIOS)}")
    return SCENARIOS[name]
