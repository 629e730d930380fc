"""What reaches Slack, PagerDuty and a mailbox: the example's receivers at work in a real Alertmanager.

The golden files have it from amtool. Here it is what is sent, through Alertmanager's own encoding and cuts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.alertmanager import HTML, TEMPLATES, example, golden
from tests.alerts.mailbox import Mailbox, mailbox
from tests.alerts.notifications import CASES, EXTERNAL
from tests.e2e.alertmanager import Alertmanager, alertmanager
from tests.e2e.process import write
from tests.e2e.waiting import until
from tests.e2e.webhook import Receiver, webhook
from tests.realservers import require


def configuration(folder: Path, receiver: Receiver, mails: Mailbox) -> dict[str, Any]:
    """Return the example with addresses on loopback; whoever is to be told is told at once."""
    document = example()
    secret = folder / "slack_url"
    secret.write_text(f"{receiver.url}/slack", encoding="utf-8")
    document["global"] = {
        "slack_api_url_file": str(secret),
        "smtp_smarthost": mails.address,
        "smtp_from": "alertmanager@example.com",
        "smtp_require_tls": False,
    }
    document["templates"] = [str(TEMPLATES)]
    page = next(receiver for receiver in document["receivers"] if receiver["name"] == "page")
    page["pagerduty_configs"][0] |= {"routing_key_file": str(secret), "url": f"{receiver.url}/pagerduty"}
    times = {"group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
    routes = [{"receiver": "page", "continue": True}, {"receiver": "ticket"}]
    return document | {"route": {"receiver": "default", **times, "routes": routes}}


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told by a running Alertmanager."""

    server: Alertmanager
    receiver: Receiver
    mails: Mailbox

    def texts(self) -> dict[str, str]:
        """What came last, with the address that Alertmanager has in the golden files; nothing until all came."""
        slack, pagerduty = self.receiver.deliveries("/slack"), self.receiver.deliveries("/pagerduty")
        if not (slack and pagerduty and self.mails.mails):
            return {}
        attachment, event, mail = slack[-1].body["attachments"][0], pagerduty[-1].body, self.mails.mails[-1]
        plain, html = [part.get_content().replace("\r\n", "\n") for part in mail.iter_parts()]
        texts = {
            "ticket.slack_configs.0.title": attachment["title"],
            "ticket.slack_configs.0.text": attachment["text"],
            "ticket.slack_configs.0.color": attachment["color"],
            "page.pagerduty_configs.0.description": event["payload"]["summary"],
            "page.pagerduty_configs.0.details.firing": event["payload"]["custom_details"]["firing"],
            "page.pagerduty_configs.0.details.resolved": event["payload"]["custom_details"]["resolved"],
            "ticket.email_configs.0.headers.Subject": mail["Subject"],
            "ticket.email_configs.0.text": plain,
            HTML: html,
        }
        # None for an empty detail, as newer Alertmanagers have it.
        return {where: (text or "").replace(self.server.url, EXTERNAL).strip() for where, text in texts.items()}

    def expect(self, case: str) -> Mapping[str, Any]:
        """Wait until everybody is told what the golden files of a case say; return the event that PagerDuty got last.

        Of several alerts the first one may be told of before the others have come.
        """
        expected = golden(case)

        def told() -> bool:
            texts = self.texts()
            return bool(texts) and all(text == expected[where].strip() for where, text in texts.items())

        until(told, 30.0, f"everybody is told what {case}.txt and {case}.html say")
        return self.receiver.deliveries("/pagerduty")[-1].body


@contextmanager
def running(folder: Path) -> Iterator[Told]:
    with webhook() as receiver, mailbox() as mails:
        config = write(folder / "alertmanager.yml", configuration(folder, receiver, mails))
        with alertmanager(require("alertmanager"), folder, config) as server:
            yield Told(server, receiver, mails)


def alerts(case: str, **times: str) -> list[Mapping[str, Any]]:
    """The alerts of a case, to be posted."""
    return [
        {"labels": alert["labels"], "annotations": alert["annotations"], **times} for alert in CASES[case]()["alerts"]
    ]


@pytest.mark.parametrize(
    ("case", "links"),
    [
        ("firing", ["Runbook", "Dashboard", "Silence"]),
        ("many", ["Runbook", "Silence"]),
        ("several-accounts", ["Runbook", "Dashboard", "Silence"]),
        ("no-target", ["Runbook", "Dashboard", "Silence"]),
        ("no-links", ["Silence"]),
        ("special-characters", ["Runbook", "Silence"]),
    ],
)
def test_what_is_sent_is_what_the_golden_files_say(tmp_path: Path, case: str, links: list[str]) -> None:
    with running(tmp_path) as told:
        told.server.post(alerts(case))
        event = told.expect(case)
    assert (event["event_action"], event["payload"]["severity"]) == ("trigger", "critical")
    assert [link["text"] for link in event["links"]] == links


def test_everybody_is_told_when_it_is_over(tmp_path: Path) -> None:
    with running(tmp_path) as told:
        told.server.post(alerts("firing"))
        told.expect("firing")
        told.server.post(alerts("resolved", endsAt=datetime.now(UTC).isoformat()))
        event = told.expect("resolved")
    assert event["event_action"] == "resolve"
