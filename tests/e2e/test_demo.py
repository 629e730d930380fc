"""The demo, as somebody meets it who has just installed the package."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import httpx

from tests.e2e.process import COMMAND, environment
from tests.e2e.scrape import Scrape
from tests.e2e.waiting import until

COUNTED = "vlmrun_completions_total"


def test_the_demo_shows_growing_counters_within_a_minute_and_leaves_nothing_behind(tmp_path: Path) -> None:
    home, scratch, here = (tmp_path / name for name in ("home", "tmp", "here"))
    for folder in (home, scratch, here):
        folder.mkdir()
    environ = environment(HOME=str(home), TMPDIR=str(scratch))
    del environ["VLMRUN_API_KEY"]
    output, log = tmp_path / "output", tmp_path / "log"
    with output.open("wb") as out, log.open("wb") as err:
        demo = subprocess.Popen(
            [*COMMAND, "demo", "--web.listen-address=127.0.0.1:0"],
            cwd=here,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    try:
        address = re.compile(r"metrics +(http://localhost:[0-9]+/metrics)")
        found = until(lambda: address.search(output.read_text("utf-8")), 30, "the demo says where its metrics are")
        assert list(scratch.iterdir()), "the ledger is not where it would be looked for"

        def growing() -> dict[tuple[str, ...], float]:
            """Return the completions by model, skill and status, once each status and many models and skills grow."""
            scrape = Scrape(httpx.get(found.group(1).replace("localhost", "127.0.0.1"), trust_env=False).text)
            counted = {key: value for key, value in scrape.by(COUNTED, "model", "skill", "status").items() if value}
            models, skills, statuses = (set(values) for values in zip(*counted, strict=True)) if counted else ((),) * 3
            return counted if len(models) >= 5 and len(skills) >= 5 and len(statuses) == 2 else {}

        first = until(growing, 60, "completions by model, skill and status", every=0.5)
        more = until(
            lambda: later if sum((later := growing()).values()) > sum(first.values()) else None,
            60,
            "and more of them",
            every=0.5,
        )
        assert all(more[key] >= value for key, value in first.items())
        demo.send_signal(signal.SIGINT)
        assert demo.wait(10) == 0
    finally:
        demo.kill()
        demo.wait()
    assert "level=error" not in log.read_text("utf-8")
    assert [os.listdir(folder) for folder in (home, scratch, here)] == [[], [], []]
