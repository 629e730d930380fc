"""The alert pack at work: stand-in, exporter, Prometheus, Alertmanager and receiver, with time 30 times as fast.

What is shipped is used as it is, shortened as `tests/e2e/shortening.py` says. Of Alertmanager's example, addresses and
secrets are replaced by those of a receiver on loopback; each receiver gets a webhook beside what it has, to record
exactly who is told of what. Email is left out: it needs a mail server.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from exporter.models import SECOND
from exporter.simulator.items import Item, Source
from tests import realservers
from tests.e2e.alertmanager import Alertmanager, alertmanager
from tests.e2e.host import free_port
from tests.e2e.process import ROOT, Exporter, configuration, write
from tests.e2e.prometheus import Alerting, Prometheus, prometheus
from tests.e2e.shortening import duration, routes, rules
from tests.e2e.standin import Standin, standin
from tests.e2e.waiting import until
from tests.e2e.webhook import Labels, News, Receiver, webhook

FACTOR: Final = 30
RULES: Final = ROOT / "rules"
DASHBOARDS: Final = "http://grafana.test"
RUNBOOKS: Final = "http://git.test/blob/main"
COMPLETION: Final = "http://logs.test/{source}/{id}"
"""The addresses that notifications lead to."""

ALL: Final[Mapping[str, Any]] = {
    "completions": {"fields": {"model": []}, "page_size": 1000},
    "executions": {"page_size": 1000},
    "requests": {"page_size": 1000},
}
"""Every list, at a page a poll. Without models there are a seventh of the series, which are rendered at every poll."""

COMPLETIONS: Final[Mapping[str, Any]] = {"completions": {}}
"""One list, with everything."""

SETTLING: Final = 12
"""Evaluations within which whatever is to come has come: 6 minutes for the rules, 12 s here."""

_NAMED: Final = re.compile(r"^- (\S+) \((\w+), .+, (\S+)\).* (http\S+)$", re.MULTILINE)
_RECEIVERS: Final = {"critical": "page", "warning": "ticket"}

Record = Callable[[str, object], None]
"""What notes a result for the summary of the run."""

Told = tuple[str, str, Labels]
"""Who was told (a receiver's name), that what (firing, resolved), and the alert's labels."""


def alert(name: str, severity: str, family: str, **labels: str) -> Labels:
    """All labels of an alert of the stand-in's account."""
    return frozenset(
        {"alertname": name, "severity": severity, "family": family, "account": "default", **labels}.items()
    )


def told(status: str, *alerts: Labels) -> list[Told]:
    """Who is told of alerts, each by itself: the log, and whom the severity names."""
    names = [(labels, _RECEIVERS.get(dict(labels)["severity"])) for labels in alerts]
    return [(name, status, labels) for labels, who in names for name in ("webhook", who) if name]


@dataclass(frozen=True, slots=True)
class Pack:
    """Everything, running."""

    upstream: Standin
    prometheus: Prometheus
    alertmanager: Alertmanager
    receiver: Receiver
    exporter: Exporter
    config: Path
    address: str

    def play(self, scenario: str) -> float:
        """Switch the stand-in to a scenario; return when that was, in seconds since the epoch."""
        state = self.upstream.simulation.control("POST", f"/scenario/{scenario}").raise_for_status().json()
        return float(state["now_us"]) / SECOND

    def restarted(self) -> Exporter:
        """Start the exporter again, after its end."""
        return Exporter(self.config, listen=(self.address,))

    def items(self, source: Source = Source.COMPLETIONS) -> list[Item]:
        """What the stand-in lists, oldest first."""
        return self.upstream.simulation.call(lambda: list(self.upstream.simulation.platform.world.rows(source)))

    def evaluate(self, times: int = SETTLING) -> None:
        """Wait until the rules of the present have been evaluated some more times, all of them."""
        before = self._evaluations()

        def later() -> bool:
            now = self._evaluations()
            return all(now[group] >= count + times for group, count in before.items())

        until(later, 20 + 4 * times, f"{times} evaluations of {', '.join(before)}", every=0.5)

    def hears(self, expected: Sequence[Told], seconds: float = 120.0) -> None:
        """Wait until all that is ``expected`` has been told."""
        wanted = Counter(expected)
        until(lambda: wanted <= self._told(), seconds, f"told of {_lines(wanted)}", every=0.1)

    def hears_only(self, expected: Sequence[Told], seconds: float = 120.0) -> None:
        """Wait as :meth:`hears`, and let it settle: nothing else, nothing twice, and no alert is left."""
        self.hears(expected, seconds)
        self.evaluate()
        surplus = self._told() - Counter(expected)
        assert not surplus, f"not expected: {_lines(surplus)}\n{self._pace()}"
        assert not self.receiver.repetitions()
        assert [news.alert["annotations"] for news in self.receiver.news() if not _leads_somewhere(news)] == []
        assert self.prometheus.firing() == set()
        assert self.alertmanager.alerts() == []

    def inhibited(self) -> set[Labels]:
        """The alerts that Alertmanager keeps quiet, for others."""
        return {
            frozenset(each["labels"].items()) for each in self.alertmanager.alerts() if each["status"]["inhibitedBy"]
        }

    def first(self, alert: Labels) -> News:
        """The first that somebody other than the log was told of an alert."""
        return next(
            news
            for news in self.receiver.news()
            if news.receiver != "webhook" and alert == frozenset(news.labels.items())
        )

    def culprits(self, news: News) -> list[Item]:
        """The completions that a description names, as the stand-in knows them; the links must be theirs."""
        named = _NAMED.findall(news.description)
        assert named, news.description
        found = []
        for item_id, source, skill, url in named:
            item = next(item for item in self.items(Source(source)) if item.id == item_id)
            assert (skill, url) == (item.skill or "none", COMPLETION.format(source=source, id=item_id))
            found.append(item)
        return found

    def rendered(self, path: str, items: Iterable[Item]) -> bool:
        """Whether what the shipped templates made for a path (as ``/slack/ticket``) names all of ``items``."""
        texts = [json.dumps(delivery.body) for delivery in self.receiver.deliveries(path)]
        return any(all(item.id in text for item in items) for text in texts)

    def _evaluations(self) -> Mapping[str, int]:
        counts = self.prometheus.evaluations()
        return {group: count for group, count in counts.items() if not group.endswith("-long")}

    def _pace(self) -> str:
        """Whether the machine kept up with time going so fast: if not, data was stale in truth."""
        age = "time() - account_source:vlmrun_exporter_last_success:timestamp_seconds"
        oldest = self.prometheus.value(f"max(max_over_time(({age})[1h:1s]))") or 0.0
        return f"Data was up to {oldest:.1f} s old. Where nobody but the machine kept it from polls, it is too slow."

    def _told(self) -> Counter[Told]:
        return Counter((news.receiver, news.status, frozenset(news.labels.items())) for news in self.receiver.news())


@contextmanager
def alert_pack(
    folder: Path,
    *,
    traffic: Mapping[str, Any] | None = None,
    sources: Mapping[str, Any] = ALL,
    **sections: Any,
) -> Iterator[Pack]:
    """Run everything; ``traffic`` changes the stand-in, ``sources`` and ``sections`` the exporter's configuration.

    The traffic is an hour of the production trace in two minutes, 10 completions a second at the mean.
    """
    prometheus_binary, alertmanager_binary = realservers.require("prometheus"), realservers.require("alertmanager")
    address = f"127.0.0.1:{free_port()}"
    with (
        _memory() as memory,
        webhook() as receiver,
        alertmanager(alertmanager_binary, folder, _routing(folder, receiver.url)) as manager,
        standin(**{"speed": float(FACTOR), "rate": 0.05, **(traffic or {})}) as upstream,
    ):
        config = write(folder / "config.yaml", _exporter(upstream.url, memory, sources, sections))
        alerting = Alerting(_rule_files(folder), manager.url.removeprefix("http://"), _short("5m"))
        scrapes = _short("30s")
        with Exporter(config, listen=(address,)) as exporter:
            exporter.ready()
            # Only now: a target that cannot be scraped at first is down for as long as rules look back.
            with prometheus(
                prometheus_binary, folder, address, interval=scrapes, timeout=scrapes, alerting=alerting
            ) as server:
                yield Pack(upstream, server, manager, receiver, exporter, config, address)


@contextmanager
def _memory() -> Iterator[Path]:
    """A folder in memory, where there is one: on a busy disk a commit may take seconds, which are minutes here."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if shared.is_dir() else None, prefix="alertpack-") as folder:
        yield Path(folder)


def _short(text: str) -> str:
    return duration(text, FACTOR)


def _exporter(base_url: str, folder: Path, sources: Mapping[str, Any], sections: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults, shortened. But a poll is due twice as often, and rows may be as late as they are."""
    poll = {
        "interval": _short("30s"),
        "late_after": _short("10m"),
        "max_lateness": "15m",
        "requests_per_minute": 10 * FACTOR,
        "timeout": "2s",
        "start": "now",
    }
    short = {
        "poll": {**poll, **sections.get("poll", {})},
        "metrics": {"birth_hold": _short("60s")},
        "links": {"completion": COMPLETION, "dashboards": DASHBOARDS, "runbooks": RUNBOOKS},
    }
    document = configuration(base_url, folder, **{**sections, **short})
    document["accounts"][0]["sources"] = sources
    return document


def _rule_files(folder: Path) -> list[Path]:
    files = sorted(RULES.glob("*.rules.yml"))
    assert files
    return [write(folder / file.name, rules(_yaml(file), FACTOR)) for file in files]


def _routing(folder: Path, url: str) -> Path:
    document = routes(_yaml(RULES / "alertmanager.example.yml"), FACTOR)
    del document["global"]
    document["templates"] = [str(RULES / pattern) for pattern in document["templates"]]
    document["receivers"] = [_on_loopback(receiver, url) for receiver in document["receivers"]]
    return write(folder / "alertmanager.yml", document)


def _on_loopback(receiver: Mapping[str, Any], url: str) -> dict[str, Any]:
    if len(receiver) == 1:
        return dict(receiver)
    name = receiver["name"]
    moved = {key: value for key, value in receiver.items() if key not in ("email_configs", "webhook_configs")}
    for slack in moved.get("slack_configs", ()):
        slack["api_url"] = f"{url}/slack/{name}"
    for pager in moved.get("pagerduty_configs", ()):
        del pager["routing_key_file"]
        pager |= {"routing_key": "e2e", "url": f"{url}/pagerduty/{name}"}
    return {**moved, "webhook_configs": [{"url": f"{url}/webhook/{name}", "send_resolved": True}]}


def _yaml(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _leads_somewhere(news: News) -> bool:
    """Whether the runbook is one of ours, and the dashboard has the configured address."""
    links: Mapping[str, str] = news.alert["annotations"]
    runbook = f"docs/runbooks/{news.labels['alertname']}.md"
    there = (ROOT / runbook).is_file() and links["runbook_url"] == f"{RUNBOOKS}/{runbook}"
    return there and links["dashboard_url"].startswith(f"{DASHBOARDS}/d/vlmrun-")


def _lines(entries: Iterable[Told]) -> str:
    return "".join(f"\n  {who} {status} {sorted(labels)}" for who, status, labels in entries) or "nothing"
