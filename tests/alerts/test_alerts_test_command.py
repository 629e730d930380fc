"""``vlmrun-exporter alerts test`` as its user runs it, against a real Alertmanager."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerts.receiving import Webhook, webhook
from tests.alerts.testruns import alerts_test, configuration, running, silence, started
from tests.e2e.alertmanager import Alertmanager
from tests.e2e.waiting import until


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as running:
        yield running


def normal(text: str, server: Alertmanager) -> str:
    """Return a report without what differs from run to run."""
    for pattern, name in (
        (re.escape(server.url), "URL"),
        (r"Alertmanager [0-9.]+", "Alertmanager VERSION"),
        (r"-\d{8}T\d{6}Z", "-RUN"),
        (r"(After|within) \d+ s", r"\1 N s"),
        (r"\d+ (try|tries) failed", "N tries failed"),
        (r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID"),
    ):
        text = re.sub(pattern, name, text)
    return text


def test_everybody_is_notified(hook: Webhook, tmp_path: Path) -> None:
    with running(tmp_path, configuration(hook)) as server:
        end = alerts_test(tmp_path, server.url)
        assert server.alerts() == []
    assert (end.returncode, end.stderr) == (0, "")
    assert (
        normal(end.stdout, server)
        == """\
Alertmanager VERSION at URL
Sending one test alert a severity: alertname="VLMRunTestAlert", account="alerts-test-SEVERITY-RUN"

critical  received, active
          receiver pager: webhook
warning   received, active
          receiver team: webhook
info      received, active
          receiver nobody: notifies nobody (it has no integration)

Waiting up to 20 s for these notifications: webhook 2
After N s, other alerts' notifications of that time included:
  webhook (receivers pager, team): 2 sent

The test alerts are resolved; receivers with send_resolved are told so after group_interval.

OK: notified of critical, warning; nobody is notified of info
"""
    )
    for name, severity in (("pager", "critical"), ("team", "warning")):
        (notification,) = hook.of(name)
        (alert,) = notification["alerts"]
        assert notification["status"] == "firing"
        assert alert["labels"].items() >= {"severity": severity, "family": "test"}.items()
        assert alert["labels"]["account"].startswith(f"alerts-test-{severity}-")
        assert alert["annotations"]["summary"].startswith("TEST: ")
        assert "Sent by `vlmrun-exporter alerts test`" in alert["annotations"]["description"]
        assert "Nothing is wrong" in alert["annotations"]["description"]


def test_a_second_run_is_notified_as_the_first_one_was(hook: Webhook, tmp_path: Path) -> None:
    """Its groups are new: those of the first run would wait for group_interval."""
    with running(tmp_path, configuration(hook)) as server:
        assert [alerts_test(tmp_path, server.url).returncode for _ in range(2)] == [0, 0]
    assert (len(hook.of("pager")), len(hook.of("team"))) == (2, 2)


def test_a_silence_is_named(hook: Webhook, tmp_path: Path) -> None:
    with running(tmp_path, configuration(hook)) as server:
        ends = silence(server, "severity", ".*n.*", comment="deploy\ntonight")  # warning, and info that reaches nobody
        end = alerts_test(tmp_path, server.url)
    assert end.returncode == 1
    report = normal(end.stdout, server)
    assert (
        "warning   received, suppressed\n"
        f'          by silence ID: "deploy tonight" (ops, until {ends:%Y-%m-%d %H:%M:%S} UTC)\n'
        "          receiver team: webhook\n"
    ) in report
    assert "webhook (receiver pager): 1 sent\n" in report
    assert report.endswith("\nFAILED\n  warning: suppressed, so it does not reach team\n")
    assert (len(hook.of("pager")), len(hook.of("team"))) == (1, 0)


def test_a_silence_that_comes_meanwhile_ends_the_wait(hook: Webhook, tmp_path: Path) -> None:
    with running(tmp_path, configuration(hook, group_wait="1h")) as server, started(server, wait="1h") as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any(line.startswith("Waiting up to 3600 s") for line in lines)
        silence(server, "alertname", "VLMRunTest.*", comment="too late")
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    problems = "  critical: suppressed, so it does not reach pager\n  warning: suppressed, so it does not reach team\n"
    assert rest.endswith(f"\nFAILED\n{problems}")


def test_an_inhibition_is_named(hook: Webhook, tmp_path: Path) -> None:
    down = {"labels": {"alertname": "VLMRunExporterDown", "severity": "warning", "job": "vlmrun-exporter"}}
    with running(tmp_path, configuration(hook)) as server:
        server.post([down])
        until(server.alerts, 60.0, "the inhibiting alert is there")
        end = alerts_test(tmp_path, server.url)
    assert end.returncode == 1
    assert (
        "critical  received, suppressed\n"
        '          inhibited by VLMRunExporterDown{job="vlmrun-exporter", severity="warning"}\n'
        "          receiver pager: webhook\n"
    ) in end.stdout
    assert end.stdout.endswith("\nFAILED\n  critical: suppressed, so it does not reach pager\n")
    assert hook.of("pager") == []


def test_a_receiver_that_fails_for_now_is_seen_beside_one_that_works(hook: Webhook, tmp_path: Path) -> None:
    """Both are webhooks, and Alertmanager counts them together; it calls it a failure only after group_interval."""
    with running(tmp_path, configuration(hook, critical=500)) as server:
        end = alerts_test(tmp_path, server.url, wait="3s")
    assert end.returncode == 1
    report = normal(end.stdout, server)
    assert (
        "  webhook (receivers pager, team): 1 of 2 sent, 1 still being tried (N tries failed, see Alertmanager's log)\n"
        in report
    )
    assert report.endswith("\nFAILED\n  webhook (receivers pager, team): 1 of 2 sent, 1 still being tried\n")
    assert len(hook.of("team")) == 1


def test_a_receiver_that_refuses_ends_the_wait(hook: Webhook, tmp_path: Path) -> None:
    """A 4xx is not tried again."""
    with running(tmp_path, configuration(hook, critical=400, warning=400)) as server:
        end = alerts_test(tmp_path, server.url, wait="1h")
    assert end.returncode == 1
    assert end.stdout.endswith("\nFAILED\n  webhook (receivers pager, team): 0 of 2 sent, 2 failed\n")


def test_nothing_within_the_wait_is_a_failure_with_a_hint(hook: Webhook, tmp_path: Path) -> None:
    with running(tmp_path, configuration(hook, group_wait="1h")) as server:
        end = alerts_test(tmp_path, server.url, wait="2s")
    assert end.returncode == 1
    report = normal(end.stdout, server)
    assert (
        "  webhook (receivers pager, team): 0 of 2 sent\n  Nothing more within N s: group_wait may be longer" in report
    )
    assert hook.received == []


def test_nobody_to_notify_is_said_at_once(hook: Webhook, tmp_path: Path) -> None:
    with running(tmp_path, configuration(hook, routes=[])) as server:
        end = alerts_test(tmp_path, server.url, wait="1h")
    assert end.returncode == 1
    assert "\nNo notification is due, so there is nothing to wait for.\n" in end.stdout
    assert end.stdout.endswith("\nFAILED\n  critical: nobody is notified\n")


def test_alerts_in_one_group_are_one_notification(hook: Webhook, tmp_path: Path) -> None:
    with running(tmp_path, configuration(hook, receiver="pager", routes=[], group_by=["alertname"])) as server:
        end = alerts_test(tmp_path, server.url)
    assert end.returncode == 0
    assert "for these notifications: webhook 1\n" in end.stdout
    (notification,) = hook.of("pager")
    assert len(notification["alerts"]) == 3
