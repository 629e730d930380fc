"""What ``vlmrun-exporter alerts test`` prints: values in, lines of text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from exporter.alerts.alertmanager import Alert, Group, Silence, Status, presentable
from exporter.alerts.notifications import Tallies, Tally, tally

_INDENT: Final = " " * 10
_ACTIVE: Final = "active"

PAGE: Final = "critical"
"""The severity that has to reach somebody; whether others do is a matter of taste."""

Receivers = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What Alertmanager made of the alert of a severity (None: it does not list it), and what suppresses it."""

    severity: str
    alert: Alert | None
    causes: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """Whether receivers are to be notified of it."""
        return self.alert is not None and self.alert.status.state == _ACTIVE

    def notifying(self, receivers: Receivers) -> list[str]:
        """Return its receivers that have an integration."""
        names = [] if self.alert is None else [receiver.name for receiver in self.alert.receivers]
        return [name for name in names if receivers.get(name)]


@dataclass(frozen=True, slots=True)
class Expectation:
    """How many notifications an integration has to send, for which receivers."""

    integration: str
    count: int
    receivers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sent:
    """What an integration did since the alerts were sent, those of other alerts included."""

    expected: Expectation
    tally: Tally

    @classmethod
    def count(cls, expected: Expectation, before: Tallies, now: Tallies) -> Sent:
        """Compare what Alertmanager counts."""
        first, last = (tally(each, expected.integration, expected.receivers) for each in (before, now))
        return cls(expected, last.since(first))

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.tally.sent + self.tally.failed >= self.expected.count and not self.tally.unfinished

    @property
    def good(self) -> bool:
        """Whether everything was sent."""
        return self.over and not self.tally.failed

    @property
    def summary(self) -> str:
        """Which integration, how many it sent, and what became of the others."""
        counts = self.tally
        names = ", ".join(map(presentable, sorted(self.expected.receivers)))
        receivers = "receiver" if len(self.expected.receivers) == 1 else "receivers"
        short = counts.sent < self.expected.count
        said = [f"{counts.sent} of {self.expected.count} sent" if short else f"{counts.sent} sent"]
        if counts.failed:
            said.append(f"{counts.failed} failed")
        if counts.unfinished:
            said.append(f"{counts.unfinished} still being tried")
        return f"{self.expected.integration} ({receivers} {names}): {', '.join(said)}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the test ended: the problems, none if it passed, and the lines that say so."""

    problems: tuple[str, ...]
    lines: tuple[str, ...]


def expectations(groups: Sequence[Group], receivers: Receivers) -> list[Expectation]:
    """Return what has to be sent: each receiver's integrations, once a group with an active alert; by integration."""
    due = [
        (integration, group.receiver.name)
        for group in groups
        if any(alert.status.state == _ACTIVE for alert in group.alerts)
        for integration in receivers.get(group.receiver.name, ())
    ]
    return [
        Expectation(
            integration,
            sum(each == integration for each, _ in due),
            frozenset(name for each, name in due if each == integration),
        )
        for integration in sorted({integration for integration, _ in due})
    ]


def greeting(status: Status, url: str, alertname: str, account: str) -> list[str]:
    """Say what is sent where."""
    return [
        f"Alertmanager {presentable(status.version) or 'of unknown version'} at {url}",
        f'Sending one test alert a severity: alertname="{alertname}", account="{account}"',
        "",
    ]


def routing(findings: Sequence[Finding], receivers: Receivers) -> list[str]:
    """Say what became of each alert, and whom it goes to."""
    return [line for finding in findings for line in _finding(finding, receivers)]


def _finding(finding: Finding, receivers: Receivers) -> list[str]:
    if finding.alert is None:
        return [
            f"{finding.severity:<8}  not received: accepted, but not listed; "
            "do the clocks of this machine and Alertmanager's agree?"
        ]
    lines = [f"{finding.severity:<8}  received, {finding.alert.status.state}"]
    lines += [f"{_INDENT}{cause}" for cause in finding.causes]
    for receiver in finding.alert.receivers:
        integrations = receivers.get(receiver.name, ())
        reached = ", ".join(integrations) or "notifies nobody (it has no integration)"
        lines.append(f"{_INDENT}receiver {presentable(receiver.name)}: {reached}")
    return lines


def silence(identifier: str, found: Silence) -> str:
    """Name a silence."""
    return (
        f'by silence {identifier}: "{presentable(found.comment)}" '
        f"({presentable(found.created_by)}, until {_until(found.ends_at)})"
    )


def inhibition(fingerprint: str, source: Alert | None) -> str:
    """Name the alert that inhibits another."""
    if source is None:
        return f"inhibited by an alert that has ended (fingerprint {fingerprint})"
    name = source.labels.get("alertname", "")
    rest = ", ".join(f'{label}="{value}"' for label, value in sorted(source.labels.items()) if label != "alertname")
    return f"inhibited by {presentable(f'{name}{{{rest}}}')}"


def waiting(expected: Sequence[Expectation], wait: float, peers: int) -> list[str]:
    """Say what is waited for, and how long."""
    if not expected:
        return ["", "No notification is due, so there is nothing to wait for."]
    due = ", ".join(f"{each.integration} {each.count}" for each in expected)
    lines = ["", f"Waiting up to {wait:g} s for these notifications: {due}"]
    if peers > 1:
        lines.append(f"This is one of {peers} Alertmanagers: another of them may send in its place, which is not seen.")
    return lines


def notifications(sent: Sequence[Sent], seconds: float) -> list[str]:
    """Say what was sent, by integration."""
    lines = [f"After {seconds:.0f} s, other alerts' notifications of that time included:"]
    for each in sent:
        line = f"  {each.summary}"
        if each.tally.failed_tries:
            line += f" ({_counted(each.tally.failed_tries, 'try', 'tries')} failed, see Alertmanager's log)"
        lines.append(line)
    if any(not each.over and not each.tally.unfinished for each in sent):
        lines.append(
            f"  Nothing more within {seconds:.0f} s: group_wait may be longer (give --alertmanager.wait more), "
            "a time interval may mute the route,"
        )
        lines.append("  or the route groups the alerts with others (no account in group_by), notified a moment ago.")
    return lines


def verdict(
    findings: Sequence[Finding],
    groups: Sequence[Group],
    receivers: Receivers,
    sent: Sequence[Sent],
    *,
    untold: str | None = None,
) -> Verdict:
    """Judge: everybody who should be notified was. ``untold`` is why that can't be told."""
    problems = [problem for finding in findings if (problem := _problem(finding, receivers))]
    problems += _mutings(groups, receivers)
    problems += [each.summary for each in sent if not each.good]
    if untold is not None:
        problems.append(f"what was sent can't be told, look at the receivers ({untold})")
    if problems:
        return Verdict(tuple(problems), ("FAILED", *(f"  {problem}" for problem in problems)))
    told = [finding.severity for finding in findings if finding.notifying(receivers)]
    untouched = [finding.severity for finding in findings if not finding.notifying(receivers)]
    line = f"OK: notified of {', '.join(told)}" if told else "OK"
    return Verdict((), (f"{line}; nobody is notified of {', '.join(untouched)}" if untouched else line,))


def _problem(finding: Finding, receivers: Receivers) -> str | None:
    """Return why an alert reaches nobody whom it should reach, or None."""
    if finding.alert is None:
        return f"{finding.severity}: not received"
    notifying = finding.notifying(receivers)
    if notifying and not finding.active:
        names = ", ".join(map(presentable, notifying))
        return f"{finding.severity}: {finding.alert.status.state}, so it does not reach {names}"
    if not notifying and finding.severity == PAGE:
        return f"{PAGE}: nobody is notified"
    return None


def _mutings(groups: Sequence[Group], receivers: Receivers) -> list[str]:
    """Return which alerts a time interval keeps from which receivers. Alertmanager says so since 0.28."""
    return [
        f"{alert.labels.get('severity')}: muted by the time interval {presentable(interval)}, "
        f"so it does not reach {presentable(group.receiver.name)}"
        for group in groups
        if receivers.get(group.receiver.name)
        for alert in group.alerts
        for interval in alert.status.muted_by
    ]


def _until(moment: str) -> str:
    try:
        return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return presentable(moment)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
