"""``vlmrun-exporter alerts drill`` as a process of its own: what it says, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.alerts.drill import server, simulated
from exporter.alerts.drill.rules import load, shipped_rules
from tests import realservers
from tests.alerts.drilling import START, TERMS, collected, dump, plan
from tests.e2e.waiting import until

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "exporter", "alerts", "drill")
SECONDS = 300.0


def environment(folder: Path, **extra: str) -> dict[str, str]:
    """What the command needs, with a folder of its own for what is temporary."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), **extra}


def drill(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *arguments],
        env=environment(folder) if environ is None else dict(environ),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert not list(folder.glob("vlmrun-exporter-drill-*"))
    return done


def report(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a drill that works; return what it prints as JSON."""
    realservers.require("prometheus")
    done = drill(folder, "--output=json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def fired(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {rule["alert"]: rule["episodes"] for rule in document["rules"] if rule["episodes"]}


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def test_an_error_spike_fires_the_alerts_on_it_when_it_begins_and_names_the_skill(tmp_path: Path) -> None:
    document = report(
        tmp_path,
        "--history.scenario=error-spike",
        "--history.duration=3h",
        "--history.incident=1h",
        "--drill.sweep=off",
    )
    found = fired(document)
    assert set(found) == {"VLMRunErrorSpike", "VLMRunSkillErrorsConcentrated"}
    begins = START + 2 * 3600
    spikes = {episode["labels"]["source"]: episode for episode in found["VLMRunErrorSpike"]}
    assert set(spikes) == {"completions", "executions", "requests"}
    for episode in spikes.values():
        # Ten minutes of a window, and the three of `for`.
        assert begins + 180 <= seconds(episode["from"]) <= begins + 900
        assert episode["labels"]["account"] == "default"
        assert episode["value"]["low"] > 0.1
    skills = {episode["labels"]["skill"] for episode in found["VLMRunSkillErrorsConcentrated"]}
    assert skills == {"document.invoice", "invoice-extraction"}
    assert all(begins < seconds(each["from"]) < begins + 1800 for each in found["VLMRunSkillErrorsConcentrated"])


def test_steady_traffic_fires_nothing_at_the_thresholds_in_force(tmp_path: Path) -> None:
    document = report(tmp_path, "--history.scenario=steady", "--history.duration=3h", "--history.rate=0.1")
    assert fired(document) == {}
    assert len(document["rules"]) == len(load(shipped_rules()).alerts)
    assert document["from"] == "2025-09-01T00:01:00Z" and document["to"] == "2025-09-01T03:00:00Z"
    assert 0.095 * 28_185 * 3 < document["completions"] < 0.105 * 28_185 * 3
    assert {each["key"] for each in document["thresholds"]} == {
        "slo.error_ratio",
        "slow_low_token.alert_ratio",
        "budgets[].credits",
    }
    assert all(each["notifications_per_week"]["1"] == 0 for each in document["thresholds"])


RULES = {
    "groups": [
        {
            "name": "some",
            "interval": "1m",
            "rules": [
                {"record": "account:budget:ratio", "expr": "max by (account) (vlmrun_error_budget_ratio)"},
                {
                    "alert": "Steadily",
                    "expr": "vlmrun_completions_total > 0 unless on (account) account:budget:ratio > 0.015",
                },
                {"alert": "Never", "expr": "vlmrun_completions_total < 0"},
            ],
        }
    ]
}


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "own.rules.yml"
    path.write_text(yaml.safe_dump(RULES), encoding="utf-8")
    return f"--drill.rules={path}"


def test_rules_that_read_no_completions_are_replayed_too(tmp_path: Path) -> None:
    rule = {"alert": "Budgeted", "expr": "vlmrun_error_budget_ratio > 0"}
    path = tmp_path / "gauge.rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "gauge", "rules": [rule]}]}), encoding="utf-8")
    document = report(tmp_path, f"--drill.rules={path}", "--history.scenario=steady", "--history.duration=20m")
    assert set(fired(document)) == {"Budgeted"}


def test_other_rules_and_other_thresholds_are_tried_on_a_file(tmp_path: Path, rules: str) -> None:
    needed = {"vlmrun_completions_total", "vlmrun_error_budget_ratio"}
    samples = collected(simulated.history(plan(hours=1), TERMS, needed))
    (tmp_path / "history.txt").write_text(dump(samples), encoding="utf-8")
    document = report(tmp_path, rules, f"--history.file={tmp_path / 'history.txt'}")
    assert set(fired(document)) == {"Steadily"}
    counts = document["thresholds"][0]["notifications_per_week"]
    assert document["thresholds"][0]["values"] == [0.01]
    # The budget of 0.01, times 2 and times 4, is above what the rule takes.
    assert counts["0.5"] == counts["1"] > 0 and counts["2"] == counts["4"] == 0


def test_simulated_traffic_is_under_the_thresholds_and_budgets_of_a_configuration(tmp_path: Path, rules: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "slo: {error_ratio: 0.02}\nbudgets: [{name: mine, credits: 70, period: week}]\n", encoding="utf-8"
    )
    watching = {"alert": "Budget", "expr": "vlmrun_credit_budget_credits == 70"}
    (tmp_path / "more.rules.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "more", "rules": [watching]}]}), encoding="utf-8"
    )
    document = report(
        tmp_path,
        rules,
        f"--drill.rules={tmp_path / 'more.rules.yml'}",
        "--history.scenario=steady",
        "--history.duration=30m",
        "--history.incident=1m",
        f"--config.file={config}",
    )
    # A budget above 0.015 keeps the other rule silent.
    assert set(fired(document)) == {"Budget"}
    assert [episode["labels"]["budget"] for episode in fired(document)["Budget"]] == ["mine"]


def test_a_configuration_that_is_wrong_is_told_as_when_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("slo: {error_ratio: 2}\n", encoding="utf-8")
    done = drill(tmp_path, "--history.scenario=steady", f"--config.file={tmp_path / 'config.yaml'}")
    assert done.returncode == 2
    assert "config.yaml:1: slo.error_ratio" in done.stderr


def test_the_history_of_a_prometheus_is_that_of_its_dump(tmp_path: Path, rules: str) -> None:
    needed = {"vlmrun_completions_total", "vlmrun_error_budget_ratio"}
    samples = collected(simulated.history(plan(hours=1.5), TERMS, needed))
    (tmp_path / "history.txt").write_text(dump(samples), encoding="utf-8")
    from_file = report(tmp_path, rules, f"--history.file={tmp_path / 'history.txt'}")
    with server.running(realservers.require("prometheus")) as prometheus:
        prometheus.write(simulated.history(plan(hours=1.5), TERMS, needed))
        folder = tmp_path / "fetched"
        folder.mkdir()
        from_prometheus = report(
            folder,
            rules,
            f"--history.prometheus={prometheus.url}",
            "--history.since=2025-08-31T22:00:00Z",
            "--history.until=2025-09-01T05:00:00+02:00",
        )
    assert fired(from_prometheus)
    assert from_prometheus == from_file


def test_a_person_gets_a_table_and_the_progress_apart_from_it(tmp_path: Path, rules: str) -> None:
    realservers.require("prometheus")
    done = drill(tmp_path, rules, "--history.scenario=steady", "--history.duration=20m", "--history.incident=1m")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Replayed 19m, from 2025-09-01 00:01:00 to 2025-09-01 00:20:00 UTC: ")
    assert "\nSteadily" in done.stdout and "\nWould not have fired: Never.\n" in done.stdout
    assert done.stderr.startswith("drill: reading the history\n")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "choose one history: --history.prometheus, --history.file, --history.scenario"),
        (["--history.scenario=steady", "--history.file=x"], "(not 2 of them)"),
        (["--history.scenario=lunch"], "argument --history.scenario: invalid choice: 'lunch'"),
        (["--history.scenario=hostile"], "argument --history.scenario: invalid choice: 'hostile'"),
        (["--history.scenario=steady", "--history.rate=none"], "--history.rate: 'none' is no number"),
        (["--history.scenario=steady", "--history.rate=0"], "--history.rate: '0' is no number above 0"),
        (["--history.scenario=steady", "--history.duration=long"], "--history.duration: 'long' is not a duration"),
        (["--history.scenario=steady", "--history.scrape-interval=0"], "--history.scrape-interval: must not be 0"),
        (
            ["--history.scenario=outage", "--history.duration=1h"],
            "--history.incident: 2h is not shorter than --history.duration: 1h",
        ),
        (["--history.scenario=steady", "--history.seed=-1"], "--history.seed: '-1' is no whole number"),
        (["--history.scenario=steady", "--drill.step=x"], "--drill.step: 'x' is not a duration"),
        (["--history.scenario=steady", "--drill.rules=none.yml"], "none.yml: No such file"),
        (["--history.prometheus=localhost:9090"], "--history.prometheus: is no http or https URL"),
        (["--history.prometheus=http://a", "--history.since=yesterday"], "'yesterday' is no age such as 7d"),
        (["--history.prometheus=http://a", "--history.since=2025-09-01T00:00:00"], "has no time zone"),
        (
            ["--history.prometheus=http://a", "--history.rate=2"],
            "--history.rate goes with --history.scenario, not with --history.prometheus",
        ),
        (
            ["--history.scenario=steady", "--history.since=1d"],
            "--history.since goes with --history.prometheus, not with --history.scenario",
        ),
        (
            ["--history.file=a", "--config.file=b"],
            "--config.file goes with --history.scenario, not with --history.file",
        ),
        (["--history.prometheus=http://a", "--history.since=0"], "--history.since: is not before --history.until"),
    ],
)
def test_a_wrong_request_is_answered_by_one_line_and_2(tmp_path: Path, arguments: list[str], why: str) -> None:
    done = drill(tmp_path, *arguments)
    assert done.returncode == 2
    assert why in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
    assert not done.stdout


def test_a_file_that_is_no_history_is_refused_with_its_line(tmp_path: Path) -> None:
    realservers.require("prometheus")
    (tmp_path / "history.txt").write_text("up 1 60\nwhat is this\n# EOF\n", encoding="utf-8")
    done = drill(tmp_path, f"--history.file={tmp_path / 'history.txt'}")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("history.txt:2: is no sample in OpenMetrics text")


def test_a_history_without_completions_cannot_be_replayed(tmp_path: Path) -> None:
    realservers.require("prometheus")
    (tmp_path / "history.txt").write_text('up{job="vlmrun-exporter"} 1 60\n# EOF\n', encoding="utf-8")
    done = drill(tmp_path, f"--history.file={tmp_path / 'history.txt'}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "vlmrun-exporter: the history has no sample of vlmrun_completions_total"


def test_without_prometheus_it_says_what_to_install(tmp_path: Path) -> None:
    arguments = ("--history.scenario=steady", "--drill.sweep=off")
    done = drill(tmp_path, *arguments, environ=environment(tmp_path, PATH=str(tmp_path)))
    assert done.returncode == 1
    assert "prometheus is not on PATH: install Prometheus 2.42 or newer" in done.stderr
    done = drill(tmp_path, *arguments, "--prometheus.path=/none")
    assert done.returncode == 1 and "/none is no program that can be run" in done.stderr


def test_a_program_that_is_no_prometheus_is_told_by_its_last_words(tmp_path: Path) -> None:
    binary = tmp_path / "prometheus"
    binary.write_text("#!/bin/sh\necho 'unknown flag' >&2\nexit 1\n", encoding="utf-8")
    binary.chmod(0o755)
    done = drill(tmp_path, "--history.scenario=steady", f"--prometheus.path={binary}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "vlmrun-exporter: Prometheus ended at once: unknown flag"


@contextmanager
def long_drill(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A drill that would take minutes, once its Prometheus runs."""
    realservers.require("prometheus")
    process = subprocess.Popen(
        [*COMMAND, "--history.scenario=steady", "--history.rate=5"],
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: list(folder.glob("vlmrun-exporter-drill-*/data/wal/*")), 60.0, "a Prometheus with data")
        yield process
    finally:
        process.kill()
        process.wait()


def left(folder: Path) -> list[str]:
    """The command lines of processes that have to do with ``folder``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_drill_that_is_interrupted_leaves_no_process_and_no_data(tmp_path: Path, number: signal.Signals) -> None:
    realservers.need(Path("/proc/self/cmdline").exists(), "/proc, to look for processes")
    with long_drill(tmp_path) as process:
        assert left(tmp_path)
        process.send_signal(number)
        assert process.wait(60.0) == 130
        assert left(tmp_path) == []
        assert list(tmp_path.iterdir()) == []


def test_not_even_a_drill_that_is_killed_leaves_a_process(tmp_path: Path) -> None:
    realservers.need(shutil.which("setpriv") is not None, "setpriv of util-linux")
    with long_drill(tmp_path) as process:
        assert left(tmp_path)
        process.kill()
        process.wait()
        until(lambda: not left(tmp_path), 30.0, "the Prometheus is gone as well")
