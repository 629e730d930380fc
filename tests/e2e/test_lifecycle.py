"""Starting, stopping, reloading: signals, exit codes, and what survives them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.process import COMMAND, ROOT, Exporter, configuration, environment, run, write
from tests.e2e.standin import Standin
from tests.e2e.upstream import PATHS, upstream
from tests.e2e.waiting import until
from tests.e2e.watch import Watch
from tests.servers import answer, drip, silence

RELOAD_OK = "vlmrun_exporter_config_last_reload_successful"
RELOADED_AT = "vlmrun_exporter_config_last_reload_success_timestamp_seconds"
INTERVAL = "vlmrun_exporter_poll_interval_seconds"
LINKS = "vlmrun_exporter_links_info"
POLLS = "vlmrun_exporter_polls_total"
COUNTED = "vlmrun_completions_total"

IMPORTS_SIGNAL = """\
import os, signal, sys
class Finder:
    def find_spec(self, name, path, target=None):
        if name == "{module}":
            print("{name} comes", flush=True)
            os.kill(os.getpid(), signal.{name})
sys.meta_path.insert(0, Finder())
"""
"""Sends the process a signal once it imports what it runs."""

NEVER_ENDING = drip(answer().replace(b"content-length: 2", b"transfer-encoding: chunked"), b"1\r\n \r\n")


def at(moment: str, number: signal.Signals) -> tuple[str, ...]:
    """Return the command of an exporter that sends itself a signal at an edge of its life."""
    return (sys.executable, "-m", "tests.proof.edges", f"{moment}@{number.name}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_five_seconds(number: signal.Signals, calm: Standin, tmp_path: Path) -> None:
    with Exporter(write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))) as exporter:
        exporter.ready()
        end = exporter.stop(number)
        assert end.code == 0
        assert end.seconds < 5
        assert "msg=stopping" in exporter.logs


@pytest.mark.parametrize("hanging", [silence, NEVER_ENDING], ids=["silent", "drip-feeding"])
def test_sigterm_ends_it_while_polls_hang(hanging: Any, tmp_path: Path) -> None:
    with upstream(dict.fromkeys(PATHS, hanging)) as server:
        document = configuration(f"{server.url}/v1", tmp_path, poll={"timeout": "2m"})
        with Exporter(write(tmp_path / "config.yaml", document)) as exporter:
            until(lambda: len(server.requests) >= 3, 60.0, "all three lists are being polled")
            assert exporter.get("/-/ready").status_code == 503
            end = exporter.stop()
            assert end.code == 0
            assert end.seconds < 5


def test_polls_that_sigterm_cuts_short_are_no_errors(tmp_path: Path) -> None:
    with upstream(dict.fromkeys(PATHS, silence)) as server:
        document = configuration(f"{server.url}/v1", tmp_path, poll={"timeout": "2m"})
        with Exporter(write(tmp_path / "config.yaml", document)) as exporter:
            until(lambda: len(server.requests) >= 3, 60.0, "all three lists are being polled")
            assert exporter.stop().code == 0
            assert "level=error" not in exporter.logs
            assert "Traceback" not in exporter.logs


def test_polls_that_a_reload_cuts_short_are_no_errors(tmp_path: Path) -> None:
    with upstream(dict.fromkeys(PATHS, silence)) as server:
        document = configuration(f"{server.url}/v1", tmp_path, poll={"timeout": "2m"})
        with Exporter(write(tmp_path / "config.yaml", document), "--web.enable-lifecycle") as exporter:
            until(lambda: len(server.requests) >= 3, 60.0, "all three lists are being polled")
            write(tmp_path / "config.yaml", {**document, "slo": {"error_ratio": 0.02}})
            assert exporter.reload().status_code == 200
            until(lambda: len(server.requests) >= 6, 60.0, "and again under the new configuration")
            write(tmp_path / "config.yaml", document)
            assert exporter.reload().status_code == 200
            assert exporter.scrape().sum("vlmrun_exporter_task_failures_total") == 0
            assert "level=error" not in exporter.logs


def test_a_reload_that_changes_nothing_cuts_no_poll_short(tmp_path: Path) -> None:
    with upstream(dict.fromkeys(PATHS, silence)) as server:
        document = configuration(f"{server.url}/v1", tmp_path, poll={"timeout": "2m"})
        with Exporter(write(tmp_path / "config.yaml", document), "--web.enable-lifecycle") as exporter:
            until(lambda: len(server.requests) >= 3, 60.0, "all three lists are being polled")
            for _ in range(10):
                assert exporter.reload().status_code == 200
            assert len(server.requests) == 3
            assert exporter.logs.count("configuration reloaded") == 10


def test_sigterm_ends_it_while_a_scrape_hangs(calm: Standin, tmp_path: Path) -> None:
    with Exporter(write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))) as exporter:
        exporter.ready()
        with socket.create_connection(("127.0.0.1", exporter.ports[0])) as idle:
            idle.sendall(b"GET /metrics HTTP/1.1\r\nhost: ")
            end = exporter.stop()
        assert end.code == 0
        assert end.seconds < 5


def test_sighup_takes_a_good_file_and_a_bad_one_changes_nothing(calm: Standin, tmp_path: Path) -> None:
    document = configuration(calm.url, tmp_path)
    config = write(tmp_path / "config.yaml", document)
    with Exporter(config) as exporter:
        exporter.ready()
        before = exporter.scrape()
        assert before.value(RELOAD_OK) == 1
        assert before.value(INTERVAL, source="requests") == 0.3

        write(config, document | {"poll": {"interval": 60}, "pol": {}})
        exporter.send(signal.SIGHUP)
        until(lambda: exporter.scrape().value(RELOAD_OK) == 0, 60.0, "the bad file is refused")
        refused = exporter.scrape()
        assert refused.value(INTERVAL, source="requests") == 0.3
        assert refused.value(RELOADED_AT) == before.value(RELOADED_AT)
        assert "interval: 300ms" in exporter.get("/config").text
        page = exporter.get("/").text
        assert "The last reload failed" in page
        assert "poll.interval: 60 is a bare number: write 60s" in page
        polls = refused.sum(POLLS)
        until(lambda: exporter.scrape().sum(POLLS) > polls + 3, 60.0, "polls go on under the old configuration")

        assert before.by(LINKS, "dashboards", "runbooks") == {("", ""): 1}
        links = {"dashboards": "https://grafana.example.com/", "runbooks": "https://git.example.com/main"}
        write(config, configuration(calm.url, tmp_path, poll={"interval": "700ms"}, links=links))
        exporter.send(signal.SIGHUP)
        until(lambda: exporter.scrape().value(RELOAD_OK) == 1, 60.0, "the good file is taken")
        taken = exporter.scrape()
        assert taken.value(INTERVAL, source="requests") == 0.7
        assert taken.value(RELOADED_AT) > before.value(RELOADED_AT)
        assert taken.by(LINKS, "dashboards", "runbooks") == {
            ("https://grafana.example.com", "https://git.example.com/main"): 1
        }
        assert taken.sum(COUNTED) >= before.sum(COUNTED) > 0
        assert "The last reload failed" not in exporter.get("/").text


@pytest.mark.parametrize("moment", ["opening the ledger", "web server starting", "web server started"])
def test_sighup_in_the_first_moments_changes_nothing(moment: str, tmp_path: Path) -> None:
    with upstream() as server:
        document = configuration(f"{server.url}/v1", tmp_path, poll={"interval": "1m"})
        config = write(tmp_path / "config.yaml", document)
        with Exporter(config, command=at(moment, signal.SIGHUP)) as exporter:
            exporter.ready()
            assert 'msg="configuration reloaded"' not in exporter.logs
            # Pollers that are started twice ask twice.
            assert len(server.requests) == len(PATHS)
            write(config, {**document, "slo": {"error_ratio": 0.02}})
            exporter.send(signal.SIGHUP)
            until(lambda: 'msg="configuration reloaded"' in exporter.logs, 60.0, "a later one reloads")
            until(lambda: len(server.requests) == 2 * len(PATHS), 60.0, "every list is polled once more")
            end = exporter.stop()
        assert end.code == 0
        assert "level=error" not in exporter.logs


def test_sighup_while_it_stops_starts_nothing(tmp_path: Path) -> None:
    with upstream() as server:
        document = configuration(f"{server.url}/v1", tmp_path, poll={"interval": "1m"})
        config = write(tmp_path / "config.yaml", document)
        with Exporter(config, command=at("stopping, web server stops", signal.SIGHUP)) as exporter:
            exporter.ready()
            assert exporter.stop().code == 0
            assert len(server.requests) == len(PATHS)
            assert 'msg="configuration reloaded"' not in exporter.logs


def signalled_while_imported(number: signal.Signals, folder: Path, module: str = "exporter.daemon") -> dict[str, str]:
    """Return an environment in which the exporter sends itself a signal before it can handle any."""
    finder = IMPORTS_SIGNAL.format(name=number.name, module=module)
    (folder / "sitecustomize.py").write_text(finder, encoding="ascii")
    return environment(PYTHONPATH=f"{folder}:{ROOT}")


def test_sighup_while_it_is_being_imported_does_not_kill_it(tmp_path: Path) -> None:
    with upstream() as server:
        config = write(tmp_path / "config.yaml", configuration(f"{server.url}/v1", tmp_path))
        with Exporter(config, environ=signalled_while_imported(signal.SIGHUP, tmp_path)) as exporter:
            exporter.ready()
            assert "SIGHUP comes" in exporter.logs


def test_sigterm_while_it_is_being_imported_ends_it_cleanly(tmp_path: Path) -> None:
    config = write(tmp_path / "config.yaml", configuration("http://127.0.0.1:9/v1", tmp_path))
    with Exporter(config, environ=signalled_while_imported(signal.SIGTERM, tmp_path)) as exporter:
        assert exporter.exit().code == 0
        assert exporter.logs == "SIGTERM comes\n"


@pytest.mark.parametrize("command", ["serve", "demo", "simulate"])
def test_sigterm_while_imported_is_success_for_what_runs_until_then(command: str, tmp_path: Path) -> None:
    end = run(command, cwd=tmp_path, environ=signalled_while_imported(signal.SIGTERM, tmp_path))
    assert (end.returncode, end.stdout, end.stderr) == (0, "SIGTERM comes\n", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("command", "module"),
    [
        (("healthcheck",), "exporter.cli.healthcheck"),
        (("alerts", "test"), "exporter.cli.commands"),
        (("serve", "--config.check"), "exporter.cli.commands"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[-1],
)
def test_a_signal_is_no_success_of_what_is_run_for_its_verdict(
    command: tuple[str, ...], module: str, number: signal.Signals, tmp_path: Path
) -> None:
    end = run(*command, cwd=tmp_path, environ=signalled_while_imported(number, tmp_path, module))
    assert (end.returncode, end.stdout) == (-number, f"{number.name} comes\n")


def test_a_healthcheck_that_is_ended_is_no_health(tmp_path: Path) -> None:
    with upstream({"/-/healthy": silence}) as server:
        address = f"--web.listen-address=127.0.0.1:{server.port}"
        check = subprocess.Popen([*COMMAND, "healthcheck", address], cwd=tmp_path, env=environment())
        try:
            until(lambda: server.requests, 30.0, "it asks")
            check.send_signal(signal.SIGTERM)
            assert check.wait(10) == -signal.SIGTERM
        finally:
            check.kill()
            check.wait()


def test_a_reload_over_http_needs_the_flag(calm: Standin, tmp_path: Path) -> None:
    with Exporter(write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))) as exporter:
        refused = exporter.reload()
        assert refused.status_code == 403
        assert "--web.enable-lifecycle" in refused.text


def test_a_reload_over_http_answers_what_is_wrong(calm: Standin, tmp_path: Path) -> None:
    document = configuration(calm.url, tmp_path)
    config = write(tmp_path / "config.yaml", document)
    with Exporter(config, "--web.enable-lifecycle") as exporter:
        exporter.ready()
        write(config, {**document, "slo": {"error_ratio": 2}})
        bad = exporter.reload()
        assert bad.status_code == 500
        assert "slo.error_ratio: 2 is out of bounds" in bad.text
        assert bad.text.endswith("The old configuration stays in force.\n")
        assert exporter.scrape().value(RELOAD_OK) == 0

        write(config, {**document, "ledger": {"path": str(tmp_path / "other.db")}})
        moved = exporter.reload()
        assert moved.status_code == 500
        assert "ledger.path cannot be changed by a reload: restart the exporter" in moved.text

        write(config, document)
        good = exporter.reload()
        assert (good.status_code, good.text) == (200, "Configuration reloaded.\n")
        assert exporter.scrape().value(RELOAD_OK) == 1


def test_a_reload_drops_and_takes_back_a_list_without_losing_its_counts(calm: Standin, tmp_path: Path) -> None:
    document = configuration(calm.url, tmp_path)
    account = document["accounts"][0]
    fewer = {**document, "accounts": [{**account, "sources": {"completions": {}, "executions": {}}}]}
    config = write(tmp_path / "config.yaml", document)
    with Exporter(config, "--web.enable-lifecycle") as exporter:
        exporter.ready()
        until(lambda: exporter.scrape().sum(COUNTED, source="requests") > 0, 60.0, "requests are counted")
        before = exporter.scrape().sum(COUNTED, source="requests")

        write(config, fewer)
        assert exporter.reload().status_code == 200
        assert not list(exporter.scrape().samples(COUNTED, source="requests"))
        assert exporter.get("/-/ready").status_code == 200

        write(config, document)
        assert exporter.reload().status_code == 200
        assert exporter.scrape().sum(COUNTED, source="requests") >= before
        exporter.ready()


def test_reloads_in_the_middle_of_polls_set_nothing_back(calm: Standin, tmp_path: Path) -> None:
    config = write(tmp_path / "config.yaml", configuration(calm.url, tmp_path, poll={"interval": "200ms"}))
    with Exporter(config, "--web.enable-lifecycle") as exporter:
        exporter.ready()
        with Watch(f"{exporter.url}/metrics", pause=0.01) as watch:
            for _ in range(3):
                assert exporter.reload().status_code == 200
                polls = exporter.scrape().sum(POLLS)
                until(lambda polls=polls: exporter.scrape().sum(POLLS) > polls, 60.0, "polls go on")  # type: ignore[misc]
        assert not watch.decreases
        assert not watch.gone


def test_counters_go_on_after_kill_9(calm: Standin, tmp_path: Path) -> None:
    config = write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))
    with Exporter(config) as exporter:
        exporter.ready()
        until(lambda: exporter.scrape().sum(COUNTED) > 20, 60.0, "something is counted")
        before = exporter.scrape()
        exporter.kill()
    with Exporter(config) as exporter:
        after = exporter.scrape()
        for name in (COUNTED, "vlmrun_completion_credits_total", POLLS, "vlmrun_exporter_api_requests_total"):
            assert after.sum(name) >= before.sum(name) > 0


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    config = write(tmp_path / "config.yaml", configuration("http://127.0.0.1:9/v1", tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        end = run(f"--config.file={config}", f"--web.listen-address={address}", cwd=tmp_path)
    assert end.returncode == 1
    assert end.stderr == (
        f"vlmrun-exporter: cannot listen on {address}: the port is already in use;"
        " stop the process that holds it, or listen elsewhere\n"
    )
