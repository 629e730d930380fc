"""Attack a real daemon at full size, and write the table of docs/security.md: ``make abuse``.

Every attack has a daemon of its own, on loopback. Exits 1 if a row was lost or doubled, a poll failed, or an honest
client was turned away.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from tests.abuse import report
from tests.abuse.attacks import ATTACKS
from tests.abuse.siege import Siege, besieged
from tests.abuse.subject import subject
from tests.abuse.trial import Observation, observe
from tests.e2e.process import ROOT

DOCUMENT: Final = ROOT / "docs" / "security.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all attacks, or those that are named; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.abuse", description=__doc__)
    parser.add_argument(
        "attacks", nargs="*", metavar="ATTACK", help=f"all, unless some are named: {', '.join(ATTACKS)}"
    )
    parser.add_argument("--seconds", type=float, default=12.0, help="for each attack (default: 12)")
    given = parser.parse_args(arguments)
    if unknown := set(given.attacks) - ATTACKS.keys():
        parser.error(f"no such attack: {', '.join(sorted(unknown))}; there are {', '.join(ATTACKS)}")
    seen: dict[str, Observation] = {}
    problems: list[str] = []
    for name in [report.QUIET, *(given.attacks or ATTACKS)]:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            seen[name], found = _try(name, given.seconds)
        except AssertionError as error:
            found = [f"{name} broke off: {error}"]
        for problem in found:
            print(problem, file=sys.stderr, flush=True)
        problems += found
    facts = [
        f"Each for {given.seconds:g} s; {os.cpu_count()} CPUs shared by daemon, attackers, honest client and stand-in, "
        f"load average {os.getloadavg()[2]:.1f}; Linux {platform.release()}, Python {platform.python_version()}.",
    ]
    print(report.table(seen, facts))
    if not given.attacks:
        report.write(DOCUMENT, seen, facts)
    return 1 if problems else 0


def _try(name: str, seconds: float) -> tuple[Observation, list[str]]:
    """Run one attack on a fresh daemon; return what was seen, and what is wrong with it."""
    secure = name in ATTACKS and ATTACKS[name].secure
    with (
        tempfile.TemporaryDirectory(prefix="vlmrun-exporter-abuse-") as folder,
        subject(Path(folder), secure=secure) as target,
    ):
        attackers = besieged(name, target.port, ATTACKS[name].clients) if name in ATTACKS else nullcontext(Siege())
        seen = observe(target, attackers, lambda: time.sleep(seconds))
        verdict = target.verdict()
    problems = [f"{name}: {difference}" for difference in verdict.differences]
    if seen.after.failures > seen.before.failures:
        problems.append(f"{name}: {seen.after.failures - seen.before.failures} polls failed")
    if turned_away := seen.healthy.refused + seen.scrapes.refused:
        problems.append(f"{name}: an honest client was turned away {turned_away} times")
    return seen, problems


if __name__ == "__main__":
    sys.exit(main())
