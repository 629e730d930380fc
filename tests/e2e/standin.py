"""The stand-in VLM Run API in real time, and what an exporter that counts each row exactly once must show of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from exporter.api.values import label_value
from exporter.clock import SystemClock
from exporter.models import MICRO
from exporter.simulator.truth import Key, Truth
from tests.e2e.process import KEY
from tests.e2e.scrape import Scrape
from tests.simulation import Simulation, simulation

LABELS = ("source", "model", "skill", "status")
"""The labels that the stand-in keeps its truth by."""


class StoppableClock(SystemClock):
    """The machine's clock, until time is stopped: from then on nothing is created, finishes, appears or goes."""

    def __init__(self) -> None:
        self._stopped: int | None = None

    def now(self) -> int:
        return super().now() if self._stopped is None else self._stopped

    def stop(self) -> None:
        """Let the wall clock stand still; waiting goes on."""
        self._stopped = super().now()


class Sums(NamedTuple):
    """What is counted of the rows of one model, skill and status."""

    completions: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    microcredits: int = 0


Totals = Mapping[Key, Sums]


@dataclass(frozen=True, slots=True)
class Standin:
    """A running stand-in."""

    simulation: Simulation
    clock: StoppableClock

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return self.simulation.base_url

    def truth(self) -> Truth:
        """What has settled by now, and what has not."""

        def look() -> Truth:
            self.simulation.platform.tick()
            return self.simulation.platform.world.truth()

        return self.simulation.call(look)

    def freeze(self) -> None:
        """Create no more rows; those under way still finish."""
        self.simulation.control("POST", "/freeze").raise_for_status()

    def accept(self, *keys: str) -> None:
        """Accept these API keys only."""
        answer = self.simulation.api.put(f"{_control(self.url)}/keys", json={"api_keys": list(keys)})
        answer.raise_for_status()


@contextmanager
def standin(**options: Any) -> Iterator[Standin]:
    """Run the stand-in on a thread of its own; ``options`` are those of `SimulatorOptions`."""
    clock = StoppableClock()
    with simulation(clock, **{"api_key": KEY, "history": 0.0, **options}) as running:
        yield Standin(running, clock)


def expected(truth: Truth) -> Totals:
    """What has to be counted, by the label values as they are shown."""
    totals: dict[Key, Sums] = {}
    for key, total in truth.totals.items():
        shown = key._replace(model=label_value(key.model), skill=label_value(key.skill))
        sums = Sums(total.completions, total.input_tokens, total.output_tokens, total.microcredits)
        totals[shown] = add(totals.get(shown, Sums()), sums)
    return totals


def counted(scrape: Scrape) -> Totals:
    """What a scrape shows as counted, late rows and others together."""
    families = (
        scrape.by("vlmrun_completions_total", *LABELS),
        scrape.by("vlmrun_completion_input_tokens_total", *LABELS),
        scrape.by("vlmrun_completion_output_tokens_total", *LABELS),
        # Micro-credits are exact in a float of this size, once they are rounded back.
        {key: value * MICRO for key, value in scrape.by("vlmrun_completion_credits_total", *LABELS).items()},
    )
    keys = {key for family in families for key in family}
    totals = {Key(*key): Sums(*(round(family.get(key, 0.0)) for family in families)) for key in keys}
    return {key: sums for key, sums in totals.items() if any(sums)}


def add(one: Sums, other: Sums) -> Sums:
    """Add two sums up."""
    return Sums(*(a + b for a, b in zip(one, other, strict=True)))


@dataclass(frozen=True, slots=True)
class Verdict:
    """How what was counted compares with the truth. ``differences`` are lines for a person."""

    rows: int
    lost: int
    doubled: int
    differences: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether everything agrees."""
        return not self.differences


def compare(truth: Totals, shown: Totals) -> Verdict:
    """Compare series by series: one that lacks rows has lost some, one that has too many has doubled some."""
    lost = doubled = 0
    differences = []
    for key in sorted({*truth, *shown}):
        want, got = truth.get(key, Sums()), shown.get(key, Sums())
        if want == got:
            continue
        lost += max(0, want.completions - got.completions)
        doubled += max(0, got.completions - want.completions)
        differences.append(f"{'/'.join(key)}: expected {want}, counted {got}")
    rows = sum(sums.completions for sums in truth.values())
    return Verdict(rows, lost, doubled, tuple(differences))


def _control(base_url: str) -> str:
    return base_url.removesuffix("/v1") + "/simulator"
