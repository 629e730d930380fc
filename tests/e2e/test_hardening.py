"""What the process holds in memory stays there: no core file when it crashes, nothing for its neighbours to read."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.canaries import KEY, found
from tests.e2e.process import COMMAND, Exporter, configuration, environment, write
from tests.e2e.standin import Standin

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="core files and /proc are Linux's")

CORES_ALLOWED = ("/bin/sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh")
"""Before a command: lets it leave a core file."""

CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")


def cores(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if file.name.startswith("core")]


@pytest.fixture
def exporter(calm: Standin, tmp_path: Path) -> Exporter:
    config = write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))
    environ = environment(VLMRUN_API_KEY=KEY)
    return Exporter(config, environ=environ, command=(*CORES_ALLOWED, *COMMAND))


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_a_crash_leaves_no_core_file(number: signal.Signals, exporter: Exporter, tmp_path: Path) -> None:
    with exporter:
        exporter.ready()
        limits = Path(f"/proc/{exporter.process.pid}/limits").read_text(encoding="ascii")
        assert limits.split("Max core file size")[1].split()[:2] == ["0", "0"]
        assert exporter.stop(number).code == -number
    assert cores(tmp_path) == []
    assert found({file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}, KEY) == []


def test_another_program_leaves_one_here(tmp_path: Path) -> None:
    """The check above would notice a core file."""
    pattern = CORE_PATTERN.read_text(encoding="utf-8").strip()
    if "/" in pattern or not pattern.startswith("core"):
        pytest.skip(f"core files go elsewhere: core_pattern is {pattern}")
    subprocess.run([*CORES_ALLOWED, sys.executable, "-c", "import os; os.abort()"], cwd=tmp_path, check=False)
    assert cores(tmp_path)


def test_nobody_of_the_same_user_reads_its_memory_or_environment(calm: Standin, tmp_path: Path) -> None:
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and without setpriv it cannot be run like anybody else")
    powerless = ("setpriv", "--inh-caps=-all", "--bounding-set=-all") if os.geteuid() == 0 else ()
    config = write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))
    with Exporter(config, environ=environment(VLMRUN_API_KEY=KEY), command=(*powerless, *COMMAND)) as exporter:
        exporter.ready()
        for name in ("environ", "mem", "maps"):
            read = [*powerless, "head", "-c", "1", f"/proc/{exporter.process.pid}/{name}"]
            refused = subprocess.run(read, capture_output=True, text=True, check=False)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert "Permission denied" in refused.stderr
