"""A container without an engine: the image's program in namespaces of its own, on a read-only root.

It is process 1, and has the image's user and environment, no capability and no way to one. The volume is the only place
that it can write to. The network is that of the machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Final

import httpx

from tests.e2e.host import free_port
from tests.e2e.waiting import until
from tests.image.built import Image

START_SECONDS: Final = 60.0
"""How long a start may take before a test gives up on it."""

_ENTER: Final = """
set -e
root=$1 volume=$2
shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --bind "$volume" "$root/data"
mount -t proc proc "$root/proc"
exec setpriv --no-new-privs env -i "$@"
"""
"""A script for the first process of the new namespaces, which becomes the program itself."""


def isolated(image: Image, volume: Path, arguments: list[str], environ: Mapping[str, str]) -> list[str]:
    """Return the command line that runs the image's program with ``arguments``."""
    variables = [f"{name}={value}" for name, value in {**image.environment, **environ}.items()]
    changed_root = ["/usr/sbin/chroot", f"--userspec={image.config['User']}", "--groups=", str(image.rootfs)]
    namespaces = ["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
    start = ["/bin/sh", "-c", _ENTER, "sh", str(image.rootfs), str(volume)]
    return ["unshare", *namespaces, *start, *variables, *changed_root, *arguments]


def new_volume(image: Image, folder: Path) -> Path:
    """Make a volume as an engine does: owner and mode are those of the image's folder."""
    volume = folder / "volume"
    model = (image.rootfs / "data").stat()
    volume.mkdir()
    os.chown(volume, model.st_uid, model.st_gid)
    volume.chmod(model.st_mode & 0o7777)
    return volume


def run(image: Image, volume: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run any program of the image to its end."""
    return subprocess.run(
        isolated(image, volume, list(command), environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


class Container(AbstractContextManager["Container"]):
    """A running container. Leaving its context kills it, if it still runs."""

    def __init__(self, image: Image, volume: Path, *arguments: str, **environ: str) -> None:
        """Start it; it listens on a loopback port of its own. What it prints goes to a log beside the volume."""
        self.image, self.volume = image, volume
        self.port = free_port()
        self.environ = {"VLMRUN_EXPORTER_WEB_LISTEN_ADDRESS": f"127.0.0.1:{self.port}", **environ}
        self._log = volume.parent / f"container-{self.port}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                isolated(image, volume, image.command(arguments), self.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        # An environment's proxy is none of a loopback server's business.
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10.0, trust_env=False)
        self.pid = until(self._first_process, START_SECONDS, "the program is process 1", every=0.001)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        if self._process.poll() is None:
            self._process.kill()  # and by --kill-child, the program
        self._process.wait()

    @property
    def logs(self) -> str:
        """What it has printed so far."""
        return self._log.read_text("utf-8", "replace")

    def answers(self, path: str) -> bool:
        """Tell whether it answers a GET with 200."""
        try:
            return self.http.get(path).status_code == 200
        except httpx.TransportError:
            assert self._process.poll() is None, self.logs
            return False

    def ready(self) -> None:
        """Wait until ``/-/ready`` answers 200."""
        until(lambda: self.answers("/-/ready"), START_SECONDS, "/-/ready answers 200", every=0.01)

    def status(self) -> dict[str, str]:
        """Return what the kernel says of process 1: /proc/PID/status."""
        lines = Path(f"/proc/{self.pid}/status").read_text("utf-8").splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def catches(self, number: signal.Signals) -> bool:
        """Tell whether process 1 has a handler for a signal: the kernel drops it otherwise."""
        return bool(int(self.status()["SigCgt"], 16) >> (number - 1) & 1)

    def exec(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside it, as `docker exec` does: same files, same environment."""
        return run(self.image, self.volume, *command, **self.environ)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 20.0) -> tuple[int, float]:
        """Send process 1 a signal and return the exit code and the seconds until then."""
        began = time.monotonic()
        os.kill(self.pid, number)
        return self._process.wait(seconds), time.monotonic() - began

    def _first_process(self) -> int | None:
        """Return the id, outside, of process 1 once that is the program and no longer what led to it."""
        assert self._process.poll() is None, self.logs
        below = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text("ascii").split()
        if not below:
            return None
        arguments = Path(f"/proc/{below[0]}/cmdline").read_bytes().split(b"\0")
        names = {Path(argument.decode()).name for argument in arguments[:2]}
        return int(below[0]) if Path(self.image.config["Entrypoint"][0]).name in names else None


def lacking() -> str:
    """Say what this machine lacks to run one, empty if nothing."""
    if os.geteuid() != 0:
        return "root, to build and run an image"
    programs = [name for name in ("unshare", "setpriv", "chroot", "mount") if not shutil.which(name)]
    if programs:
        return f"{', '.join(programs)} on PATH"
    able = subprocess.run(["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "true"], check=False)
    return "" if able.returncode == 0 else "a kernel that lets root make namespaces"
