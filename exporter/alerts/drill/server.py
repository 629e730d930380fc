"""A throw-away Prometheus: on a free loopback port, with its data in a folder of its own, gone with the command."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx

from exporter.alerts.drill import answers
from exporter.alerts.drill.samples import Chunk, messages

_CENTURY: Final = "36500d"
_DECADE: Final = "3650d"
_LISTENING: Final = re.compile(r'msg="?Listening on"?.*? address=(127\.0\.0\.1:\d+)')
_ATTEMPTS: Final = 1_200
_PAUSE: Final = 0.05
_POINTS: Final = 2_000
"""Times per range query: Prometheus allows 11,000, but a thousand series with so many make a large answer."""


class ServerError(Exception):
    """Prometheus is not there, does not run, or refuses a request."""


class Server:
    """A running server."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self._http.base_url)

    def write(self, chunks: Iterable[Chunk]) -> None:
        """Store samples: per series ascending, series in any order. Raises ServerError."""
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        for body in messages(chunks):
            self._checked(self._http.build_request("POST", "/api/v1/write", content=body, headers=headers))

    def evaluate(self, query: str, start: int, end: int, step: int) -> Iterator[list[Chunk]]:
        """Yield what ``query`` comes to at ``start`` and every ``step`` until ``end`` (ms), a stretch at a time.

        Raises ServerError.
        """
        for first in range(start, end + 1, _POINTS * step):
            last = min(end, first + (_POINTS - 1) * step)
            form = {"query": query, "start": _seconds(first), "end": _seconds(last), "step": _seconds(step)}
            answer = self._checked(self._http.build_request("POST", "/api/v1/query_range", data=form))
            yield [
                Chunk(each.labels, _times(each.values, step), [float(value) for _, value in each.values])
                for each in answers.decode(answer.content)
            ]

    def _checked(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._http.send(request)
        except httpx.HTTPError as error:
            raise ServerError(f"the throw-away Prometheus does not answer: {error}") from None
        if response.is_error:
            raise ServerError(f"the throw-away Prometheus refused: {response.text.strip()[:500]}")
        return response


def locate(path: str) -> Path:
    """Return where the program is: ``path``, or ``prometheus`` on PATH if that is empty. Raises ServerError."""
    found = shutil.which(path or "prometheus")
    if found is None:
        raise ServerError(
            f"{path} is no program that can be run"
            if path
            else "prometheus is not on PATH: install Prometheus 2.42 or newer (on Debian the package prometheus, whose"
            " service need not run), or say where it is with --prometheus.path"
        )
    return Path(found).absolute()


@contextmanager
def running(binary: Path) -> Iterator[Server]:
    """Run a Prometheus; when this ends, the process is dead and its data removed. Raises ServerError."""
    with tempfile.TemporaryDirectory(prefix="vlmrun-exporter-drill-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        process = _start(binary, folder)
        try:
            with httpx.Client(base_url=f"http://{_address(process, folder)}", timeout=600.0, trust_env=False) as http:
                _ready(process, http, folder)
                yield Server(http)
        finally:
            process.kill()
            process.wait()


def _start(binary: Path, folder: Path) -> subprocess.Popen[bytes]:
    config = folder / "prometheus.yml"
    config.write_text("global: {}\n", encoding="ascii")
    command = [
        *_with_parent(),
        str(binary),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={_CENTURY}",
        # Blocks so long that none is ever cut: what is in the head takes samples of any time, as long as each series'
        # own are in order.
        f"--storage.tsdb.min-block-duration={_DECADE}",
        f"--storage.tsdb.max-block-duration={_DECADE}",
        "--web.listen-address=127.0.0.1:0",
        "--web.enable-remote-write-receiver",
        "--query.max-samples=1000000000",
        "--query.timeout=1h",
    ]
    try:
        with (folder / "log").open("wb") as log:
            # In a session of its own: Ctrl-C is for the command, which then ends its server.
            return subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    except OSError as error:
        raise ServerError(f"{binary} does not start: {error.strerror}") from None


def _with_parent() -> Sequence[str]:
    """Let the process die with the command even if that is killed; util-linux can do it, elsewhere it is left out."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()


def _address(process: subprocess.Popen[bytes], folder: Path) -> str:
    for _ in range(_ATTEMPTS):
        match = _LISTENING.search((folder / "log").read_text("utf-8", "replace"))
        if match:
            return match[1]
        _pause(process, folder)
    raise ServerError("Prometheus does not say which port it listens on; is it 2.42 or newer?")


def _ready(process: subprocess.Popen[bytes], http: httpx.Client, folder: Path) -> None:
    for _ in range(_ATTEMPTS):
        with suppress(httpx.TransportError):
            if http.get("/-/ready").status_code == 200:
                return
        _pause(process, folder)
    raise ServerError("Prometheus did not become ready")


def _pause(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Give the process a moment. Raises ServerError with its last words if it ends."""
    try:
        process.wait(_PAUSE)
    except subprocess.TimeoutExpired:
        return
    lines = (folder / "log").read_text("utf-8", "replace").strip().splitlines()
    raise ServerError(f"Prometheus ended at once: {lines[-1][:500] if lines else 'without a word'}")


def _times(values: list[tuple[float, str]], step: int) -> Sequence[int]:
    """Return the times (ms): a range, if none is missing in between."""
    first, last = round(values[0][0] * 1000), round(values[-1][0] * 1000)
    if last - first == (len(values) - 1) * step:
        return range(first, last + 1, step)
    return [round(time * 1000) for time, _ in values]


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"
