"""The long form of the proof: ``python -m tests.proof``, or ``make soak``.

Runs every part at length, one after the other, and prints one table. Exits 1 if the claim did not hold, or if a part
broke off: the others are run all the same. Interrupted, it prints the table of the parts that were done, and exits 130.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from tests.e2e.standin import standin
from tests.proof import (
    catch_up,
    continuity,
    damage,
    histories,
    kills,
    malformed,
    mutation,
    powercut,
    request_budget,
    rollback,
    store_faults,
    thirty_days,
    truncation,
    wire,
)
from tests.proof.figures import Figures, table
from tests.proof.leads import LEADS

INTERRUPTED = 130
"""The exit code that a shell gives a program ended by Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is run: ``full`` is 1, and what is counted (kills, bodies, histories, ...) is so many times that."""

    seed: int
    full: float

    def of(self, number: int) -> int:
        """So many at full scale, at least one."""
        return max(1, round(number * self.full))

    @property
    def stride(self) -> int:
        """Every operation at full scale, else every so-many-th."""
        return max(1, round(1 / self.full))


def _directed(scale: Scale) -> Figures:
    figures = Figures()
    for lead in LEADS.values():
        figures += histories.follow(lead, examples=scale.of(200), seed_number=scale.seed)
    return figures


def _truncation(scale: Scale) -> Figures:
    with standin(rate=0.2, history=60.0) as upstream:
        upstream.clock.stop()
        return truncation.run(upstream.url, thorough=scale.full >= 1)


PARTS: Mapping[str, Callable[[Scale], Figures]] = {
    "histories": lambda scale: histories.run(examples=scale.of(5_000), seed_number=scale.seed),
    "directed-histories": _directed,
    "named-mutants": lambda scale: histories.mutants(examples=1_000, seed_number=scale.seed),
    "mutmut": lambda scale: mutation.run(modules=list(mutation.TESTS) if scale.full >= 1 else ["counting.labels"]),
    "store-faults": lambda scale: store_faults.run(stride=scale.stride, seed=scale.seed),
    "full-disk": lambda scale: store_faults.full_for_a_while(stride=scale.stride, seed=scale.seed),
    "power-cuts": lambda scale: powercut.run(stride=scale.stride, seed=scale.seed),
    "damage": lambda scale: damage.run(stride=scale.stride, flip_count=scale.of(20_000), seed=scale.seed),
    "rollback": lambda scale: rollback.run(histories=scale.of(200), seed=scale.seed),
    "truncation": _truncation,
    "malformed-bodies": lambda scale: malformed.bombard(bodies=scale.of(1_000_000), seed=scale.seed),
    "wire": lambda scale: wire.run(seconds=600.0 * scale.full, seed=scale.seed),
    "request-budget": lambda scale: request_budget.run(restarts=scale.of(1_000), seed=scale.seed),
    "catch-up": lambda scale: catch_up.run(hours=(1, 6, 24) if scale.full >= 1 else (1,), seed=scale.seed),
    "outrun": lambda scale: catch_up.outruns(seed=scale.seed),
    "thirty-days": lambda scale: thirty_days.run(days=scale.of(30), seed=scale.seed, scale=1.0),
    "continuity": lambda scale: continuity.run(rounds=scale.of(10), seed=scale.seed),
    "kills": lambda scale: kills.run(kills=scale.of(2_000), seed=scale.seed),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof, or the parts that are named; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"all, unless some are named: {', '.join(PARTS)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="how much of it: 1 (the default) takes hours; mutmut, truncation and catch-up are short below 1,"
        " outrun and named-mutants are always the same",
    )
    given = parser.parse_args(arguments)
    if unknown := set(given.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if not 0 < given.scale <= 1:
        parser.error("--scale must be above 0 and at most 1")
    # The failures that the parts provoke are no news.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    done: dict[str, Figures] = {}
    try:
        for name in given.parts or PARTS:
            print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
            began = time.monotonic()
            done[name] = _run(name, Scale(given.seed, given.scale))
            said = "holds" if done[name].good else "DOES NOT HOLD"
            print(f"{said}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr, flush=True)
        return INTERRUPTED
    finally:
        print(table(done))
    return 0 if all(figures.good for figures in done.values()) else 1


def _run(name: str, scale: Scale) -> Figures:
    """Run a part; if it breaks off, that is what is wrong with it."""
    try:
        return PARTS[name](scale)
    except Exception:
        return Figures(problems=[f"{name} broke off:\n{traceback.format_exc()}"])


if __name__ == "__main__":
    sys.exit(main())
