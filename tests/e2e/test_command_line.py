"""Flags, their environment variables, exit codes, and whole messages."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from exporter.version import __version__
from tests.e2e.process import COMMAND, Exporter, configuration, environment, run, write
from tests.e2e.standin import Standin
from tests.e2e.waiting import until

BAD = """\
accounts:
  - name: default
    base_url: http://api.example.com/v1
    api_key: sk-live-abc
poll: {interval: 60}
legder: {path: x}
"""

BAD_MESSAGES = """\
bad.yaml:3: accounts[0].base_url: sends the API key unencrypted (allowed: https; http to loopback, or with \
allow_insecure_http: true)
bad.yaml:4: accounts[0].api_key: must not be written inline; the value is not shown (allowed: {env: NAME} or \
{file: PATH}, exactly one)
bad.yaml:5: poll.interval: 60 is a bare number: write 60s (allowed: a duration such as 30s, 15m or 1h30m, \
more than 0s, at most 1d)
bad.yaml:6: legder: unknown key, did you mean ledger? (allowed: accounts, poll, labels, slow_low_token, slo, \
budgets, ledger, metrics, links)
"""


def test_version(tmp_path: Path) -> None:
    end = run("--version", cwd=tmp_path)
    assert (end.returncode, end.stdout, end.stderr) == (0, f"vlmrun-exporter {__version__}\n", "")


def test_help_names_every_flag_and_its_variable(tmp_path: Path) -> None:
    end = run("--help", cwd=tmp_path)
    assert end.returncode == 0
    for flag in ("config.file", "web.listen-address", "web.telemetry-path", "web.enable-lifecycle", "log.level"):
        variable = "VLMRUN_EXPORTER_" + flag.upper().replace(".", "_").replace("-", "_")
        assert f"--{flag}" in end.stdout
        assert variable in end.stdout.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("arguments", [["--nope"], ["--conf", "x"], ["nonsense"]])
def test_an_unknown_flag_is_refused(arguments: list[str], tmp_path: Path) -> None:
    end = run(*arguments, cwd=tmp_path)
    assert end.returncode == 2
    assert end.stdout == ""
    assert f"vlmrun-exporter: error: unrecognized arguments: {' '.join(arguments)}\n" in end.stderr
    assert not list(tmp_path.iterdir())


def test_a_good_configuration_is_checked(tmp_path: Path) -> None:
    write(tmp_path / "good.yaml", configuration("https://api.vlm.run/v1", tmp_path))
    end = run("--config.file=good.yaml", "--config.check", cwd=tmp_path)
    assert (end.returncode, end.stdout, end.stderr) == (0, "the configuration is good\n", "")
    assert [file.name for file in tmp_path.iterdir()] == ["good.yaml"]


@pytest.mark.parametrize("flags", [["--config.check"], []], ids=["check", "run"])
def test_a_bad_configuration_is_explained_line_by_line(flags: list[str], tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(BAD, encoding="utf-8")
    end = run("--config.file=bad.yaml", *flags, cwd=tmp_path)
    assert (end.returncode, end.stdout, end.stderr) == (2, "", BAD_MESSAGES)


def test_a_check_reads_the_keys_too(tmp_path: Path) -> None:
    account = {"api_key": {"file": "no-such-key"}}
    write(tmp_path / "config.yaml", {"accounts": [account]})
    end = run("--config.file=config.yaml", "--config.check", cwd=tmp_path)
    assert (end.returncode, end.stdout, end.stderr) == (
        2,
        "",
        "config.yaml:2: accounts[0].api_key: secret file no-such-key can't be read: No such file or directory"
        " (allowed: a readable file)\n",
    )


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    end = run("--config.file=none.yaml", "--config.check", cwd=tmp_path)
    assert (end.returncode, end.stderr) == (
        2,
        "none.yaml: can't be read: No such file or directory (allowed: a readable YAML file)\n",
    )


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        (
            "--web.listen-address=9877",
            "bad listen address '9877': it has no port; want HOST:PORT, for example"
            ' ":9877" (all interfaces), "127.0.0.1:9877" or "[::1]:9877"',
        ),
        (
            "--web.telemetry-path=/config",
            "bad telemetry path '/config': it is taken, as are /-/healthy, /-/ready, /-/reload, /config",
        ),
    ],
)
def test_a_bad_flag_is_explained_in_one_line(flag: str, message: str, tmp_path: Path) -> None:
    config = write(tmp_path / "config.yaml", configuration("http://127.0.0.1:9/v1", tmp_path))
    end = run(f"--config.file={config}", flag, cwd=tmp_path)
    assert (end.returncode, end.stdout, end.stderr) == (2, "", f"vlmrun-exporter: {message}\n")
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]  # no ledger has been created


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [("LOG_LEVEL", "loud", "debug, info, warn, error"), ("WEB_ENABLE_LIFECYCLE", "maybe", "1, true, 0, false")],
)
def test_a_bad_variable_is_named(variable: str, value: str, allowed: str, tmp_path: Path) -> None:
    end = run(cwd=tmp_path, environ=environment(**{f"VLMRUN_EXPORTER_{variable}": value}))
    assert end.returncode == 2
    assert end.stderr.endswith(f"error: VLMRUN_EXPORTER_{variable}: {value!r} (allowed: {allowed})\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_stand_in(number: signal.Signals, tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [*COMMAND, "simulate", "--simulate.listen-address=127.0.0.1:0"],
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: "The stand-in listens on http://127.0.0.1:" in output.read_text("utf-8"), 30, "it listens")
        process.send_signal(number)
        assert process.wait(10) == 0
        assert "Traceback" not in output.read_text("utf-8")
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("address", ["127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1", "::1:80"])
def test_a_bad_address_of_the_stand_in_is_explained_in_one_line(address: str, tmp_path: Path) -> None:
    end = run("simulate", f"--simulate.listen-address={address}", cwd=tmp_path)
    assert (end.returncode, end.stdout) == (2, "")
    assert end.stderr.startswith(f"vlmrun-exporter: bad listen address {address!r}: ")
    assert len(end.stderr.splitlines()) == 1


def test_a_port_in_use_is_said_by_the_stand_in_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        end = run("simulate", f"--simulate.listen-address=127.0.0.1:{port}", cwd=tmp_path)
    assert (end.returncode, end.stdout) == (1, "")
    assert (
        end.stderr == f"vlmrun-exporter: the simulator can't listen on 127.0.0.1 port {port}: Address already in use\n"
    )


def test_variables_stand_in_for_flags_and_flags_win(calm: Standin, tmp_path: Path) -> None:
    config = write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))
    environ = environment(
        VLMRUN_EXPORTER_WEB_LISTEN_ADDRESS="127.0.0.1:0, localhost:0",
        VLMRUN_EXPORTER_WEB_TELEMETRY_PATH="/telemetry",
        VLMRUN_EXPORTER_WEB_ENABLE_LIFECYCLE="true",
        VLMRUN_EXPORTER_LOG_FORMAT="logfmt",
    )
    with Exporter(config, "--log.format=json", environ=environ, listen=()) as exporter:
        exporter.ready()
        assert len(set(exporter.ports)) == 2
        for port in exporter.ports:
            assert exporter.http.get(f"http://127.0.0.1:{port}/telemetry").status_code == 200
        assert exporter.get("/metrics").status_code == 404
        assert exporter.reload().status_code == 200
        records = [json.loads(line) for line in exporter.logs.splitlines()]
        assert any(record["msg"] == "configuration reloaded" for record in records)


def test_the_listen_address_may_be_repeated(calm: Standin, tmp_path: Path) -> None:
    config = write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))
    with Exporter(config, listen=("127.0.0.1:0", "127.0.0.1:0")) as exporter:
        exporter.ready()
        assert len(set(exporter.ports)) == 2
        bodies = [exporter.http.get(f"http://127.0.0.1:{port}/-/ready").text for port in exporter.ports]
        assert bodies == ["Ready.\n", "Ready.\n"]
