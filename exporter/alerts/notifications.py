"""How often an Alertmanager used its integrations, from its own /metrics. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias


@dataclass(frozen=True, slots=True)
class Tally:
    """Notifications of one integration.

    A notification is begun once; it is tried until a try is good or Alertmanager gives it up as failed, which takes
    it as long as ``group_interval``. That is why begun notifications say nothing: only a good try is a sent one.
    """

    begun: int = 0
    failed: int = 0
    tries: int = 0
    failed_tries: int = 0

    @property
    def sent(self) -> int:
        """Those that the other side accepted."""
        return self.tries - self.failed_tries

    @property
    def unfinished(self) -> int:
        """Those that are being tried, for the first time or again."""
        return max(0, self.begun - self.failed - self.sent)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.begun + other.begun,
            self.failed + other.failed,
            self.tries + other.tries,
            self.failed_tries + other.failed_tries,
        )

    def since(self, before: Tally) -> Tally:
        """Return what was added since ``before``; all of it, if the counters began anew."""
        if self.begun < before.begun or self.tries < before.tries:
            return self
        return Tally(
            self.begun - before.begun,
            self.failed - before.failed,
            self.tries - before.tries,
            self.failed_tries - before.failed_tries,
        )


class Sender(NamedTuple):
    """Whose notifications are counted; ``receiver`` is empty where Alertmanager does not count them apart.

    It does so since 0.27, with ``--enable-feature=receiver-name-in-metrics``.
    """

    integration: str
    receiver: str = ""


Tallies: TypeAlias = Mapping[Sender, Tally]

_FIELDS: Final = {
    "alertmanager_notifications_total": "begun",
    "alertmanager_notifications_failed_total": "failed",
    "alertmanager_notification_requests_total": "tries",
    "alertmanager_notification_requests_failed_total": "failed_tries",
}
_LABEL: Final = r'[a-zA-Z_]\w*="(?:[^"\\]|\\.)*"'
_SAMPLE: Final = re.compile(rf"^({'|'.join(_FIELDS)})\{{((?:{_LABEL},?)*)\}} +([0-9.e+]+)", re.MULTILINE)
_PAIR: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(r"\\(.)")


def parse_tallies(text: str) -> dict[Sender, Tally]:
    """Return the tallies in an exposition; empty if it does not count tries, as Alertmanager does since 0.22."""
    found: dict[Sender, Tally] = {}
    if "\nalertmanager_notification_requests_total{" not in text:
        return found
    for name, labels, value in _SAMPLE.findall(text):
        pairs = {key: _unescaped(raw) for key, raw in _PAIR.findall(labels)}
        sender = Sender(pairs.get("integration", ""), pairs.get("receiver_name", ""))
        # Failures come in several series, one a reason.
        found[sender] = found.get(sender, Tally()) + Tally(**{_FIELDS[name]: int(float(value))})
    return found


def tally(tallies: Tallies, integration: str, receivers: frozenset[str]) -> Tally:
    """Add up an integration's notifications: those of ``receivers``, where receivers are counted apart."""
    counted = (
        each
        for sender, each in tallies.items()
        if sender.integration == integration and (not sender.receiver or sender.receiver in receivers)
    )
    return sum(counted, Tally())


def _unescaped(raw: str) -> str:
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], raw)
