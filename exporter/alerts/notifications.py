"""How often an Alertmanager used its integrations, from its own /metrics. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from prometheus_client.parser import text_string_to_metric_families


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

_TRIES: Final = "alertmanager_notification_requests_total"
_FIELDS: Final = {
    "alertmanager_notifications_total": "begun",
    "alertmanager_notifications_failed_total": "failed",
    _TRIES: "tries",
    "alertmanager_notification_requests_failed_total": "failed_tries",
}


def parse_tallies(text: str) -> dict[Sender, Tally]:
    """Return the tallies in an exposition; empty if it does not count tries, as Alertmanager does since 0.22."""
    try:
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    except ValueError:
        return {}
    if not any(sample.name == _TRIES for sample in samples):
        return {}
    found: dict[Sender, Tally] = {}
    for name, labels, value, *_ in samples:
        if field := _FIELDS.get(name):
            sender = Sender(labels.get("integration", ""), labels.get("receiver_name", ""))
            # Failures come in several series, one a reason.
            found[sender] = found.get(sender, Tally()) + Tally(**{field: int(value)})
    return found


def tally(tallies: Tallies, integration: str, receivers: frozenset[str]) -> Tally:
    """Add up an integration's notifications: those of ``receivers``, where receivers are counted apart."""
    counted = (
        each
        for sender, each in tallies.items()
        if sender.integration == integration and (not sender.receiver or sender.receiver in receivers)
    )
    return sum(counted, Tally())
