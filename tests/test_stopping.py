"""Signals that stop a command, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.cli.stopping import stoppable

ROOT = Path(__file__).parents[1]

PROGRAM = """
import signal, sys
from exporter.cli.stopping import Stopped, stoppable

before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
try:
    with stoppable():
        %s
except Stopped:
    print("stopped", before == {number: signal.getsignal(number) for number in before})
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize(
    "body",
    ["signal.raise_signal({})", "exec('signal.raise_signal({}); pass')", "eval('signal.raise_signal({})')"],
    ids=["code", "exec", "eval"],
)
def test_the_exit_code_is_the_commands_wherever_the_signal_arrives(
    tmp_path: Path, body: str, number: signal.Signals
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM % body.format(int(number)), encoding="utf-8")
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    # Only of a module run with -m does CPython look, at the end, whether a KeyboardInterrupt went by.
    command = [sys.executable, "-m", "program"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "stopped True\n", "")


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with stoppable():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
