"""An attack under way, in a process of its own: ``python -m tests.abuse.siege ATTACK PORT CLIENTS``.

It goes on until its standard input ends, then prints what its clients were answered, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.abuse.attacks import ATTACKS, Attack
from tests.abuse.wire import CLOSED
from tests.e2e.process import ROOT, environment

END_SECONDS: Final = 30.0
"""How long the end of a siege may take before it counts as stuck."""


@dataclass
class Siege:
    """A siege; once it has ended, ``answers`` says how often which answer came."""

    answers: Mapping[str, int] = field(default_factory=dict)


@contextmanager
def besieged(name: str, port: int, clients: int) -> Iterator[Siege]:
    """Let ``clients`` attack the server on ``port`` meanwhile."""
    siege = Siege()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.abuse.siege", name, str(port), str(clients)],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield siege
        said, complaints = process.communicate(timeout=END_SECONDS)
        assert process.returncode == 0, complaints
        siege.answers = json.loads(said)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


async def _attack(attack: Attack, port: int, clients: int) -> Counter[str]:
    """Attack until standard input ends; return how often which answer came."""
    answers: Counter[str] = Counter()

    async def client() -> None:
        while True:
            try:
                answers[await attack.act(port)] += 1
            except OSError:
                answers[CLOSED] += 1
            await asyncio.sleep(attack.pause)

    crowd = [asyncio.create_task(client()) for _ in range(clients)]
    orders = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait([orders, *crowd], return_when=asyncio.FIRST_COMPLETED)  # a client ends by an error of ours only
    for task in crowd:
        task.cancel()
    ends = await asyncio.gather(*crowd, return_exceptions=True)
    for end in ends:
        if not isinstance(end, asyncio.CancelledError) and isinstance(end, BaseException):
            raise end
    return answers


def main() -> None:
    """Run the siege that the command line names."""
    name, port, clients = sys.argv[1:]
    print(json.dumps(asyncio.run(_attack(ATTACKS[name], int(port), int(clients)))))


if __name__ == "__main__":
    main()
