"""What ``alerts test`` makes of Alertmanager's counters and answers, its flags, and clocks that differ."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from exporter.alerts import testreport as report
from exporter.alerts.alertmanager import Alert, Alertmanager, AlertStatus, Group, Name, Status, parse_url, presentable
from exporter.alerts.notifications import Sender, Tally, parse_tallies, tally
from exporter.alerts.testing import AlertTest, Batch
from exporter.alerts.testreport import Expectation, Finding, Sent, expectations
from exporter.clock import SystemClock
from exporter.models import SECOND
from tests import realservers
from tests.clocks import START
from tests.e2e.alertmanager import alertmanager
from tests.e2e.process import environment, run, write

RECEIVERS = {"pager": ("pagerduty", "slack"), "team": ("slack", "slack"), "nobody": ()}

COUNTED = """\
# TYPE alertmanager_notifications_total counter
alertmanager_notifications_total{integration="slack"} 7
alertmanager_notifications_total{integration="email"} 1e+06
alertmanager_notifications_failed_total{integration="slack",reason="clientError"} 1
alertmanager_notifications_failed_total{integration="slack",reason="other"} 2
alertmanager_notification_requests_total{integration="slack"} 9
alertmanager_notification_requests_failed_total{integration="slack"} 5
alertmanager_notification_latency_seconds_count{integration="slack"} 9
"""

COUNTED_BY_RECEIVER = r"""# TYPE alertmanager_notification_requests_total counter
alertmanager_notification_requests_total{integration="slack",receiver_name="team"} 2
alertmanager_notification_requests_total{integration="slack",receiver_name="the \"A\"\\{} team"} 3
alertmanager_notification_requests_total{integration="slack",receiver_name="others"} 4
"""


def alert(severity: str, *receivers: str, state: str = "active", muted_by: tuple[str, ...] = ()) -> Alert:
    names = tuple(map(Name, receivers))
    return Alert(f"f-{severity}", {"severity": severity}, AlertStatus(state, muted_by=muted_by), names)


def sent(counts: Tally, count: int = 1, integration: str = "slack") -> Sent:
    return Sent(Expectation(integration, count, frozenset({"team"})), counts)


def test_tallies_are_read_over_all_reasons() -> None:
    tallies = parse_tallies(COUNTED)
    assert tallies == {
        Sender("slack"): Tally(begun=7, failed=3, tries=9, failed_tries=5),
        Sender("email"): Tally(begun=1_000_000),
    }


def test_tallies_of_other_receivers_are_left_out_where_they_are_told_apart() -> None:
    tallies = parse_tallies(COUNTED_BY_RECEIVER)
    assert tally(tallies, "slack", frozenset({"team", 'the "A"\\{} team'})) == Tally(tries=5)
    assert tally(parse_tallies(COUNTED), "slack", frozenset({"team"})).tries == 9


def test_an_alertmanager_that_does_not_count_tries_has_no_tallies() -> None:
    old = "\n".join(line for line in COUNTED.splitlines() if "requests" not in line)
    assert parse_tallies(old) == {}


@pytest.mark.parametrize(
    ("counts", "over", "good", "summary"),
    [
        (Tally(), False, False, "0 of 1 sent"),
        (Tally(begun=1), False, False, "0 of 1 sent, 1 still being tried"),
        (Tally(begun=1, tries=1), True, True, "1 sent"),
        (Tally(begun=1, tries=3, failed_tries=3), False, False, "0 of 1 sent, 1 still being tried"),
        (Tally(begun=1, tries=3, failed_tries=2), True, True, "1 sent"),
        (Tally(begun=1, failed=1, tries=1, failed_tries=1), True, False, "0 of 1 sent, 1 failed"),
        (Tally(begun=2, tries=4, failed_tries=3), False, False, "1 sent, 1 still being tried"),
        (Tally(begun=2, failed=1, tries=2, failed_tries=1), True, False, "1 sent, 1 failed"),
    ],
)
def test_an_integration_is_judged_by_what_it_finished(counts: Tally, over: bool, good: bool, summary: str) -> None:
    assert (sent(counts).over, sent(counts).good) == (over, good)
    assert sent(counts).summary == f"slack (receiver team): {summary}"


def test_counters_are_compared_and_may_begin_anew() -> None:
    before = Tally(begun=5, failed=1, tries=9, failed_tries=4)
    assert Tally(7, 2, 12, 5).since(before) == Tally(2, 1, 3, 1)
    assert Tally(1, 0, 1, 0).since(before) == Tally(1, 0, 1, 0)


def test_each_integration_of_a_receiver_is_expected_once_a_group() -> None:
    groups = [
        Group(Name("pager"), (alert("critical"), alert("warning", state="suppressed"))),
        Group(Name("team"), (alert("critical"), alert("warning"))),
        Group(Name("team"), (alert("info", state="suppressed"),)),
        Group(Name("nobody"), (alert("info"),)),
    ]
    assert expectations(groups, RECEIVERS) == [
        Expectation("pagerduty", 1, frozenset({"pager"})),
        Expectation("slack", 3, frozenset({"pager", "team"})),
    ]


def test_what_is_not_listed_and_what_is_routed_twice() -> None:
    findings = [Finding("critical", None), Finding("warning", alert("warning", "pager", "team", "nobody"))]
    assert report.routing(findings, RECEIVERS) == [
        "critical  not received: accepted, but not listed; do the clocks of this machine and Alertmanager's agree?",
        "warning   received, active",
        "          receiver pager: pagerduty, slack",
        "          receiver team: slack, slack",
        "          receiver nobody: notifies nobody (it has no integration)",
    ]
    assert report.verdict(findings, (), RECEIVERS, ()).lines == ("FAILED", "  critical: not received")


def test_a_time_interval_is_a_problem_where_somebody_would_be_notified() -> None:
    muted = alert("info", "team", state="suppressed", muted_by=("nights",))
    groups = [Group(Name("team"), (muted,)), Group(Name("nobody"), (muted,))]
    verdict = report.verdict([Finding("info", alert("info", "team"))], groups, RECEIVERS, ())
    assert verdict.problems == ("info: muted by the time interval nights, so it does not reach team",)


def test_a_suppressed_alert_that_would_reach_nobody_is_no_problem() -> None:
    findings = [Finding("critical", alert("critical", "pager")), Finding("info", alert("info", "nobody", state="x"))]
    verdict = report.verdict(findings, (), RECEIVERS, [sent(Tally(begun=1, tries=1))])
    assert (verdict.problems, verdict.lines) == ((), ("OK: notified of critical; nobody is notified of info",))


def test_the_others_of_a_cluster_are_mentioned() -> None:
    expected = [Expectation("slack", 2, frozenset({"team"}))]
    assert report.waiting(expected, 90.0, peers=1) == ["", "Waiting up to 90 s for these notifications: slack 2"]
    assert report.waiting(expected, 90.0, peers=3)[2:] == [
        "This is one of 3 Alertmanagers: another of them may send in its place, which is not seen."
    ]


def test_one_try_is_not_tries() -> None:
    assert report.notifications([sent(Tally(begun=1, failed=1, tries=1, failed_tries=1))], 3.4) == [
        "After 3 s, other alerts' notifications of that time included:",
        "  slack (receiver team): 0 of 1 sent, 1 failed (1 try failed, see Alertmanager's log)",
    ]


def test_an_inhibiting_alert_may_have_ended() -> None:
    assert report.inhibition("af01", None) == "inhibited by an alert that has ended (fingerprint af01)"


def test_a_version_may_be_unknown() -> None:
    assert (
        report.greeting(Status("", 0, {}), "http://am", "A", "b")[0] == "Alertmanager of unknown version at http://am"
    )


def test_foreign_text_cannot_steer_a_terminal() -> None:
    assert presentable("a\x1b[31m\n\tb\u202e" + "c" * 400) == "a [31m b " + "c" * 290 + "…"


def test_the_alerts_end_by_themselves_and_are_of_their_run() -> None:
    batch = Batch(START, START + 360 * SECOND, "host-1")
    first, second, third = batch.payload(batch.end)
    assert [each["labels"]["severity"] for each in (first, second, third)] == ["critical", "warning", "info"]
    assert (first["startsAt"], first["endsAt"]) == ("2026-01-01T00:00:00.000000Z", "2026-01-01T00:06:00.000000Z")
    assert first["labels"]["account"] == "alerts-test-critical-20260101T000000Z"
    assert "on host-1 at 2026-01-01 00:00:00 UTC" in first["annotations"]["description"]


@pytest.mark.parametrize(
    ("text", "url", "auth"),
    [
        ("http://am:9093", "http://am:9093", None),
        (" https://am/alertmanager/ ", "https://am/alertmanager", None),
        ("https://u:p%40%2Fs@am:1/x", "https://am:1/x", ("u", "p@/s")),
        ("http://u@[::1]:9093", "http://[::1]:9093", ("u", "")),
    ],
)
def test_a_url_is_parted_from_its_password(text: str, url: str, auth: tuple[str, str] | None) -> None:
    assert parse_url(text) == (url, auth)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--alertmanager.url is needed, for example http://alertmanager:9093"),
        (
            ["--alertmanager.url=am:9093"],
            "--alertmanager.url is not a URL that begins with http://HOST or https://HOST",
        ),
        (["--alertmanager.url=ftp://a:pw@am"], "--alertmanager.url is not a URL that begins with http://HOST"),
        (["--alertmanager.url=http://a:pw@"], "--alertmanager.url is not a URL that begins with http://HOST"),
        (["--alertmanager.url=http://a:pw@am:x"], "--alertmanager.url is not a URL;"),
        (["--alertmanager.url=http://am:9093/#/alerts"], "--alertmanager.url must end before the ? or # of a page"),
        (["--alertmanager.url=http://am", "--alertmanager.wait=60"], "--alertmanager.wait: '60' (allowed: a duration"),
        (["--alertmanager.url=http://am", "--alertmanager.wait=2h"], "--alertmanager.wait: '2h' (allowed: a duration"),
        (["--alertmanager.url=http://am", "--alertmanager.timeout=0"], "--alertmanager.timeout: '0' (allowed:"),
    ],
)
def test_a_bad_flag_is_explained_in_one_line(flags: list[str], message: str, tmp_path: Path) -> None:
    end = run("alerts", "test", *flags, cwd=tmp_path)
    assert (end.returncode, end.stdout) == (2, "")
    (line,) = end.stderr.splitlines()
    assert line.startswith(f"vlmrun-exporter: {message}")
    assert "pw" not in line


def test_the_sub_commands_are_listed(tmp_path: Path) -> None:
    bare, asked = run("alerts", cwd=tmp_path), run("alerts", "--help", cwd=tmp_path)
    assert (bare.returncode, bare.stdout, asked.returncode, asked.stderr) == (2, "", 0, "")
    assert bare.stderr == asked.stdout
    assert "\n  test  " in asked.stdout
    assert "\n  drill  " in asked.stdout
    unknown = run("alerts", "tests", cwd=tmp_path)
    assert unknown.returncode == 2
    assert unknown.stderr.endswith("error: no such command: tests (allowed: test, drill)\n")


def test_help_names_every_flag_and_its_variable(tmp_path: Path) -> None:
    environ = environment(VLMRUN_EXPORTER_ALERTMANAGER_URL="http://ops:pw-9@am")
    end = run("alerts", "test", "--help", cwd=tmp_path, environ=environ)
    for name in ("URL", "TIMEOUT", "WAIT"):
        assert f"--alertmanager.{name.lower()}" in end.stdout
        assert f"VLMRUN_EXPORTER_ALERTMANAGER_{name}" in end.stdout
    assert "pw-9" not in end.stdout


class Off(SystemClock):
    """A clock that is wrong by some seconds."""

    def __init__(self, seconds: int) -> None:
        self._wrong = seconds * SECOND

    def now(self) -> int:
        return super().now() + self._wrong


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3600, "critical  not received: accepted, but not listed; do the clocks"),
        (3600, "The test alerts could not be resolved; they end at "),
    ],
    ids=["behind", "ahead"],
)
def test_a_clock_that_is_wrong_is_seen(seconds: int, said: str, tmp_path: Path) -> None:
    binary = realservers.require("alertmanager")
    config = write(tmp_path / "alertmanager.yml", {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]})
    lines: list[str] = []

    async def test(url: str) -> None:
        client = Alertmanager(url, timeout=5.0, user_agent="test")
        await AlertTest(client, Off(seconds), wait=1.0, host="here", say=lines.append).run()
        await client.aclose()

    with alertmanager(binary, tmp_path, config) as server:
        asyncio.run(test(server.url))
    assert any(line.startswith(said) for line in lines), lines
