"""What every test shares: Hypothesis's profiles, and the report of the real servers found and the tests left out."""

from __future__ import annotations

import os
import signal

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from tests import realservers
from tests.proof.figures import PROPERTY, Figures

# No deadlines: a slow machine is not a bug. CI draws the same examples every time, so that a change is judged by what
# it changed; finding new ones is the work of `dev`, day by day, and of `soak`.
settings.register_profile("dev", deadline=None, print_blob=True, max_examples=50)
settings.register_profile(
    "ci",
    deadline=None,
    print_blob=True,
    max_examples=200,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak", deadline=None, print_blob=True, max_examples=5000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_sessionstart() -> None:
    """Let what tests start hear SIGINT, although these run in the background of a script, where shells ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    """Name every real server with its path, or that it is absent and what its absence leaves untested."""
    absent = "absent: no" if not realservers.required() else "ABSENT, and REQUIRE_REAL_SERVERS=1: no"
    return [
        f"real server {name}: {realservers.find(name) or f'{absent} {server.purpose}'}"
        for name, server in realservers.SERVERS.items()
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what proof, alert pack and dashboards came to; list, by reason, tests left out for want of what is real."""
    _summarise_proof(terminalreporter)
    _summarise_lines(terminalreporter, "alerts", "the alert pack")
    _summarise_lines(terminalreporter, "dashboards", "the dashboards")
    left_out: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        _, _, message = report.longrepr
        reason = message.removeprefix("Skipped: ")
        if reason.startswith((realservers.LEFT_OUT, realservers.LACKING)):
            left_out.setdefault(reason, []).append(report.nodeid)
    if not left_out:
        return
    terminalreporter.section("left out")
    for reason, tests in left_out.items():
        terminalreporter.line(reason)
        for test in dict.fromkeys(tests):
            terminalreporter.line(f"  {test}")


def _summarise_proof(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    found = [value for report in reports for name, value in report.user_properties if name == PROPERTY]
    if not found:
        return
    total = Figures()
    for figures in found:
        total += msgspec.json.decode(figures, type=Figures)
    terminalreporter.section("the proof, in short (make soak runs it at length)")
    terminalreporter.line(total.table())


def _summarise_lines(terminalreporter: pytest.TerminalReporter, name: str, title: str) -> None:
    """Print the lines that passed tests have recorded by ``record_property(name, line)``, as a section."""
    passed = terminalreporter.stats.get("passed", [])
    lines = [str(value) for report in passed for key, value in report.user_properties if key == name]
    if lines:
        terminalreporter.section(title)
        for line in sorted(lines):
            terminalreporter.line(line)
