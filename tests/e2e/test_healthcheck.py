"""``vlmrun-exporter healthcheck``: the exit code that container engines and exec probes go by."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.process import Exporter, configuration, environment, run, write
from tests.e2e.standin import Standin
from tests.e2e.upstream import upstream
from tests.servers import Answer, answer, reset, silence

HEALTHY = "/-/healthy"


def check(port: int | str, folder: Path, *flags: str, host: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command against what listens on ``port``."""
    return run("healthcheck", f"--web.listen-address={host}:{port}", *flags, cwd=folder)


def of(said: Answer, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run the command against a server that gives this answer to a question for its health."""
    with upstream({HEALTHY: said}) as server:
        end = check(server.url.rpartition(":")[2], folder, *flags)
        assert [request.target for request in server.requests] == [HEALTHY]
        return end


@pytest.mark.parametrize("host", ["", "127.0.0.1", "0.0.0.0", "localhost"])
def test_a_healthy_exporter(host: str, calm: Standin, tmp_path: Path) -> None:
    with Exporter(write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))) as exporter:
        end = check(exporter.ports[0], tmp_path, host=host)
        assert (end.returncode, end.stdout, end.stderr) == (0, "", "")


def test_the_variables_of_the_exporter_are_those_of_the_check(calm: Standin, tmp_path: Path) -> None:
    with Exporter(write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))) as exporter:
        addresses = f"0.0.0.0:{exporter.ports[0]},127.0.0.1:9"
        environ = environment(VLMRUN_EXPORTER_WEB_LISTEN_ADDRESS=addresses)
        assert run("healthcheck", cwd=tmp_path, environ=environ).returncode == 0


def test_an_unhealthy_exporter_is_told_with_its_reason(tmp_path: Path) -> None:
    end = of(answer(503, b"the ledger cannot be read: disk I/O error\n"), tmp_path)
    assert (end.returncode, end.stderr) == (
        1,
        "vlmrun-exporter: unhealthy: 503 the ledger cannot be read: disk I/O error\n",
    )


def test_nobody_there_is_unhealthy(tmp_path: Path) -> None:
    end = check(9, tmp_path)
    assert end.returncode == 1
    assert end.stderr == "vlmrun-exporter: unhealthy: no answer: [Errno 111] Connection refused\n"


@pytest.mark.parametrize(
    "said", [silence, reset, b"", b"SSH-2.0-OpenSSH_9\r\n"], ids=["silent", "reset", "cut", "other"]
)
def test_no_answer_is_unhealthy(said: Answer, tmp_path: Path) -> None:
    end = of(said, tmp_path, "--healthcheck.timeout=1")
    assert end.returncode == 1
    (line,) = end.stderr.splitlines()
    assert line.startswith("vlmrun-exporter: unhealthy: no answer")


def test_neither_http_nor_https_is_unhealthy(tmp_path: Path) -> None:
    end = of(answer(400, b"Client sent an HTTP request to an HTTPS server.\n"), tmp_path)
    assert end.returncode == 1
    assert end.stderr.startswith("vlmrun-exporter: unhealthy: no answer in HTTP, nor in HTTPS: [SSL: WRONG_VERSION")


def test_each_scheme_is_tried_once(tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text("tls_server_config: {}")
    end = of(b"SSH-2.0-OpenSSH_9\r\n", tmp_path, "--web.config.file=web.yml")
    assert end.returncode == 1
    assert end.stderr.startswith("vlmrun-exporter: unhealthy: no answer in HTTP: ")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "it answers, and asks for credentials: the ledger was not looked at\n"),
        (403, "it answers, and allows certain clients only: the ledger was not looked at\n"),
        (429, "it answers, but limits requests: the ledger was not looked at\n"),
    ],
)
def test_to_be_turned_away_is_to_be_alive(status: int, said: str, tmp_path: Path) -> None:
    end = of(answer(status), tmp_path)
    assert (end.returncode, end.stderr) == (0, said)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--web.listen-address=127.0.0.1:0"],
            "--web.listen-address: port 0 is chosen by the system: name the port to ask",
        ),
        (["--healthcheck.timeout=never"], "--healthcheck.timeout: 'never' is no number above 0 and up to 300"),
        (
            ["--healthcheck.username=probe"],
            "--healthcheck.username and --healthcheck.password-file: give both, or none",
        ),
        (
            ["--healthcheck.username=probe", "--healthcheck.password-file=none"],
            "[Errno 2] No such file or directory: 'none'",
        ),
    ],
)
def test_what_cannot_be_asked_is_explained(flags: list[str], message: str, tmp_path: Path) -> None:
    end = run("healthcheck", *flags, cwd=tmp_path)
    assert (end.returncode, end.stderr) == (2, f"vlmrun-exporter: {message}\n")
