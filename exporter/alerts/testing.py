"""``vlmrun-exporter alerts test``: sends an alert per severity and watches what Alertmanager does with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from exporter.alerts import testreport as report
from exporter.alerts.alertmanager import Alert, Alertmanager, AlertmanagerError, Group, Status
from exporter.alerts.notifications import Tallies
from exporter.alerts.testreport import Finding, Sent, expectations
from exporter.models import SECOND, Clock
from exporter.version import __version__

ALERT: Final = "VLMRunTestAlert"
SEVERITIES: Final = ("critical", "warning", "info")

MARGIN: Final = 300.0
"""Seconds that the alerts last beyond the wait, if nobody comes to resolve them."""

RECEIPT: Final = 10.0
"""Seconds that Alertmanager has to list the alerts."""

RESOLUTION: Final = 5.0
"""Seconds that it has to drop them, once they are resolved."""

INTERVAL: Final = 1.0
"""Seconds between two looks."""

_OURS: Final = f'alertname="{ALERT}"'
_PENDING: Final = "unprocessed"


@dataclass(frozen=True, slots=True)
class Batch:
    """The alerts of one run: from when to when (microseconds), and the host that sends them."""

    start: int
    end: int
    host: str

    @property
    def run(self) -> str:
        """What tells this run from others."""
        return f"{_time(self.start):%Y%m%dT%H%M%SZ}"

    def account(self, severity: str) -> str:
        """The account of an alert.

        One an alert, so that the critical one neither inhibits the warning nor shares its group; another one each
        run, since a group that was notified a moment ago waits for ``group_interval``.
        """
        return f"alerts-test-{severity}-{self.run}"

    def payload(self, end: int) -> list[dict[str, Any]]:
        """Return the alerts as Alertmanager takes them, to end at ``end``."""
        return [
            {
                "labels": {
                    "alertname": ALERT,
                    "severity": severity,
                    "family": "test",
                    "account": self.account(severity),
                },
                "annotations": {
                    "summary": f"TEST: a {severity} alert of vlmrun-exporter would come here. Nothing is wrong.",
                    "description": (
                        f"Sent by `vlmrun-exporter alerts test` (version {__version__}) on {self.host} "
                        f"at {_time(self.start):%Y-%m-%d %H:%M:%S} UTC, to see whom it reaches.\n"
                        "Nothing is wrong, there is nothing to do. It ends by itself."
                    ),
                },
                "startsAt": _rfc3339(self.start),
                "endsAt": _rfc3339(end),
            }
            for severity in SEVERITIES
        ]


@dataclass(frozen=True, slots=True)
class _View:
    """What Alertmanager says of the alerts at one moment."""

    alerts: Mapping[str, Alert]
    groups: Sequence[Group]

    @property
    def settled(self) -> bool:
        """Whether it has all of them, has looked at them, and has put each into a group."""
        grouped = {alert.fingerprint for group in self.groups for alert in group.alerts}
        return len(self.alerts) == len(SEVERITIES) and all(
            alert.status.state != _PENDING and alert.fingerprint in grouped for alert in self.alerts.values()
        )

    def findings(self, causes: Mapping[str, tuple[str, ...]]) -> list[Finding]:
        """Return what became of each alert; ``causes`` say by severity what suppresses it."""
        return [Finding(severity, self.alerts.get(severity), causes.get(severity, ())) for severity in SEVERITIES]


class AlertTest:
    """One run against one Alertmanager."""

    def __init__(
        self, alertmanager: Alertmanager, clock: Clock, *, wait: float, host: str, say: Callable[[str], None]
    ) -> None:
        """Prepare; ``wait`` is how many seconds the notifications have, ``say`` takes the report line by line."""
        self._alertmanager = alertmanager
        self._clock = clock
        self._wait = wait
        self._say = say
        now = clock.now()
        self._batch = Batch(now, now + round((wait + MARGIN) * SECOND), host)

    async def run(self) -> bool:
        """Send, watch, report and resolve; tell whether everybody who should be notified was.

        Raises AlertmanagerError. Whatever happens, the alerts are resolved if that can be.
        """
        status = await self._alertmanager.status()
        before = await self._tallies()
        self._lines(report.greeting(status, self._alertmanager.url, ALERT, self._batch.account("SEVERITY")))
        began = self._clock.monotonic()
        try:
            # In here: it may have been taken although the answer was not waited for.
            await self._alertmanager.post(self._batch.payload(self._batch.end))
            verdict = await self._watch(status, before, began)
        except BaseException:  # also if the run is cancelled: nobody should be left with alerts of a test
            with suppress(AlertmanagerError):
                await self._alertmanager.post(self._batch.payload(self._clock.now()))
            raise
        self._say("")
        await self._resolve()
        self._say("")
        self._lines(verdict.lines)
        return not verdict.problems

    async def _watch(self, status: Status, before: Tallies | AlertmanagerError, began: float) -> report.Verdict:
        """Return what came of the alerts that were sent at ``began``."""
        view = await self._settle(began + RECEIPT)
        causes = {severity: await self._causes(alert) for severity, alert in view.alerts.items()}
        self._lines(report.routing(view.findings(causes), status.receivers))
        expected = expectations(view.groups, status.receivers)
        self._lines(report.waiting(expected, self._wait, status.peers))
        sent: list[Sent] = []
        while expected:
            if not isinstance(before, AlertmanagerError):
                now = await self._alertmanager.tallies()
                sent = [Sent.count(each, before, now) for each in expected]
            left = began + self._wait - self._clock.monotonic()
            if left <= 0 or (sent and all(each.over for each in sent)):
                break
            await self._clock.sleep(min(INTERVAL, left))
            # A time interval shows up only now: when Alertmanager would notify.
            view = await self._look()
            expected = expectations(view.groups, status.receivers)
            sent = []
        if sent:
            self._lines(report.notifications(sent, self._clock.monotonic() - began))
        untold = str(before) if expected and isinstance(before, AlertmanagerError) else None
        return report.verdict(view.findings({}), view.groups, status.receivers, sent, untold=untold)

    async def _tallies(self) -> Tallies | AlertmanagerError:
        """Return what was sent before, or why that can't be told: the rest of the test is still worth something."""
        try:
            return await self._alertmanager.tallies()
        except AlertmanagerError as error:
            return error

    async def _settle(self, deadline: float) -> _View:
        """Look until two looks are the same, since inhibition takes Alertmanager a moment, or until the deadline."""
        last = await self._look()
        while self._clock.monotonic() < deadline:
            await self._clock.sleep(INTERVAL)
            view = await self._look()
            if view.settled and view == last:
                return view
            last = view
        return last

    async def _look(self) -> _View:
        accounts = {self._batch.account(severity): severity for severity in SEVERITIES}
        listed = await self._alertmanager.alerts(_OURS)
        ours = {severity: alert for alert in listed if (severity := accounts.get(alert.labels.get("account", "")))}
        groups = [
            msgspec.structs.replace(group, alerts=own)
            for group in await self._alertmanager.groups(_OURS)
            if (own := tuple(alert for alert in group.alerts if alert.labels.get("account") in accounts))
        ]
        return _View(ours, groups)

    async def _causes(self, alert: Alert) -> tuple[str, ...]:
        """Return what suppresses an alert, one line each."""
        silences = [
            report.silence(identifier, await self._alertmanager.silence(identifier))
            for identifier in alert.status.silenced_by
        ]
        by_fingerprint = {
            each.fingerprint: each for each in (await self._alertmanager.alerts() if alert.status.inhibited_by else ())
        }
        inhibitions = [
            report.inhibition(fingerprint, by_fingerprint.get(fingerprint)) for fingerprint in alert.status.inhibited_by
        ]
        return (*silences, *inhibitions)

    async def _resolve(self) -> None:
        """End the alerts; Alertmanager does not see that at once if its clock is behind ours."""
        began = self._clock.monotonic()
        await self._alertmanager.post(self._batch.payload(self._clock.now()))
        while (await self._look()).alerts:
            if self._clock.monotonic() - began >= RESOLUTION:
                self._say(f"The test alerts could not be resolved; they end at {_time(self._batch.end):%H:%M:%S} UTC.")
                return
            await self._clock.sleep(INTERVAL)
        self._say("The test alerts are resolved; receivers with send_resolved are told so after group_interval.")

    def _lines(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._say(line)


def _time(moment: int) -> datetime:
    return datetime.fromtimestamp(moment / SECOND, UTC)


def _rfc3339(moment: int) -> str:
    return f"{_time(moment):%Y-%m-%dT%H:%M:%S.%f}Z"
