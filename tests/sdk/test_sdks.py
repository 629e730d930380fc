"""The stand-in against the official SDKs, vlmrun and openai, in an environment of their own.

They need packages in other versions than ours, so they are installed apart, from a lock with hashes, and kept in
pytest's cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from exporter.models import MICRO, SECOND, Status
from exporter.simulator.items import Item, Source
from tests.simulation import simulation

HERE = Path(__file__).parent
LOCK = HERE / "requirements.txt"
INSTALL_SECONDS = 600
EXERCISE_SECONDS = 120


class Seen:
    """What the SDKs reported, and what the world held meanwhile, newest first."""

    def __init__(self, report: dict[str, Any], rows: dict[Source, list[Item]]) -> None:
        self.vlmrun = report["vlmrun"]
        self.openai = report["openai"]
        self.rows = rows


@pytest.fixture(scope="session")
def sdk_python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment with the SDKs; skip if there is no way to install them."""
    version = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    cache: pytest.Cache | None = getattr(request.config, "cache", None)
    home = tmp_path_factory.mktemp("sdk") if cache is None else cache.mkdir(f"sdk-{version}")
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    complete = home / "complete"
    if not complete.exists():
        venv.create(home, clear=True, with_pip=True)
        install: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        # Wheels only: nothing of these packages is to run while they are installed.
        install += ["--only-binary=:all:", "--require-hashes", "--requirement", LOCK]
        done = subprocess.run(install, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if done.returncode:
            reason = f"the SDKs can't be installed: {done.stderr.strip()[-300:]}"
            if os.environ.get("REQUIRE_REAL_SERVERS") == "1":
                pytest.fail(reason)
            pytest.skip(reason)
        complete.touch()
    return python


@pytest.fixture(scope="session")
def seen(sdk_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Run both SDKs once, against a world that stands still."""
    # vlmrun writes to the home directory as soon as it is imported.
    environment = {"HOME": str(tmp_path_factory.mktemp("home")), "PATH": os.environ["PATH"], "NO_PROXY": "*"}
    with simulation(rate=1.0, history=900.0) as sim:
        command: list[str | Path] = [sdk_python, HERE / "exercise.py", sim.base_url, "simulator"]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=EXERCISE_SECONDS, env=environment, check=False
        )
        rows = {source: list(sim.platform.world.rows(source))[::-1] for source in Source}
    assert done.returncode == 0, done.stderr
    return Seen(json.loads(done.stdout), rows)


def ids(items: list[Item]) -> list[str]:
    return [item.id for item in items]


@pytest.mark.parametrize(("report", "source"), [("predictions", Source.REQUESTS), ("executions", Source.EXECUTIONS)])
def test_vlmrun_parses_every_job(seen: Seen, report: str, source: Source) -> None:
    reported = seen.vlmrun[report]
    words = {Status.SUCCESS: "completed", Status.ERROR: "failed"}
    settled = {item.id: item for item in seen.rows[source] if item.settled_at <= seen.rows[source][0].created}

    assert [each[0] for each in reported] == ids(seen.rows[source])
    assert {each[1] for each in reported} >= {"completed", "failed"}
    assert len(settled) > 200
    for item_id, status, name, credits, _ in reported:
        if (item := settled.get(item_id)) is not None:
            assert (status, name, credits) == (words[item.status], item.skill, (item.credits or 0) // MICRO)


def test_vlmrun_pages_and_reads_single_jobs(seen: Seen) -> None:
    assert seen.vlmrun["second_page"] == ids(seen.rows[Source.REQUESTS][10:20])
    assert seen.vlmrun["same_prediction"]
    assert seen.vlmrun["same_execution"]
    assert seen.vlmrun["missing"]


def test_vlmrun_finds_the_server_healthy_and_a_wrong_key_refused(seen: Seen) -> None:
    assert seen.vlmrun["healthy"]
    assert seen.vlmrun["refused"]


def test_vlmrun_gives_and_gets_feedback(seen: Seen) -> None:
    assert seen.vlmrun["feedback"] == [[True, "good"]]


def test_vlmrun_lists_chat_completions(seen: Seen) -> None:
    assert seen.vlmrun["completions"] == ids(seen.rows[Source.COMPLETIONS][:2])
    assert seen.vlmrun["completions_have_more"]


def test_openai_pages_through_the_whole_list_in_both_orders(seen: Seen) -> None:
    completions = ids(seen.rows[Source.COMPLETIONS])

    assert len(completions) > 3_000
    assert seen.openai["descending"] == completions
    assert seen.openai["ascending"] == completions[::-1]


def test_openai_filters_by_metadata(seen: Seen) -> None:
    staging = [item.id for item in seen.rows[Source.COMPLETIONS] if item.environment == "staging"]

    assert seen.openai["staging"] == staging != []


def test_openai_reads_the_platforms_columns(seen: Seen) -> None:
    expected = [
        [
            item.id,
            item.created // SECOND,
            item.model,
            item.input_tokens,
            item.output_tokens,
            (item.credits or 0) / MICRO,
            item.status.value,
        ]
        for item in seen.rows[Source.COMPLETIONS][:1000]
    ]

    assert seen.openai["rows"] == expected
    assert seen.openai["valid"]


def test_openai_reads_single_completions(seen: Seen) -> None:
    assert seen.openai["same"]
    assert seen.openai["missing"]
