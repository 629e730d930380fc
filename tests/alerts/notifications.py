"""Notifications as Alertmanager hands them to templates: groups of alerts with what rules say of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Alert = Mapping[str, Any]

DASHBOARDS: Final = "https://grafana.example.com"
EXTERNAL: Final = "https://alertmanager.example.com"
RUNBOOKS: Final = "https://git.example.com/sre/vlmrun-exporter/blob/main"
SPECIAL: Final = """<!channel> <script>alert("x")</script> & <a href='https://evil.example.com'>o|o</a> it's"""
"""What a label can hold, and a receiver may take for something else."""


def notification(firing: Sequence[Alert] = (), resolved: Sequence[Alert] = ()) -> dict[str, Any]:
    """Return the notification of one group, as Alertmanager's ``template.Data`` is written in JSON."""
    alerts = [{"status": "firing", **alert} for alert in firing] + [
        {"status": "resolved", **alert} for alert in resolved
    ]
    common = _common([alert["labels"] for alert in alerts])
    return {
        "receiver": "page",
        "status": alerts[0]["status"],
        "alerts": alerts,
        "groupLabels": {name: common[name] for name in ("alertname", "account") if name in common},
        "commonLabels": common,
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": EXTERNAL,
    }


def _common(mappings: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {key: value for key, value in mappings[0].items() if all(mapping.get(key) == value for mapping in mappings)}


def burn(*, completions: Sequence[str], dashboards: str = DASHBOARDS, runbooks: str = RUNBOOKS) -> Alert:
    """Return a page on the error budget; ``completions`` end its description."""
    latest = "".join(f"\n- {completion}" for completion in completions) or " none of this list among the last three."
    return {
        "labels": {
            "alertname": "VLMRunErrorBudgetBurnFast",
            "account": "acme",
            "source": "completions",
            "severity": "critical",
            "family": "errors",
        },
        "annotations": {
            "summary": "So many completions of acme fail that a month's error budget lasts days at most.",
            "description": "31.2% of the completions of acme failed (40% over 5m, 31.2% over 1h, 8% over 6h).\n"
            f"1% may fail (slo.error_ratio).\nLatest failures:{latest}",
            "runbook_url": f"{runbooks}/docs/runbooks/VLMRunErrorBudgetBurnFast.md",
            "dashboard_url": f"{dashboards}/d/vlmrun-overview?var-account=acme&var-source=completions",
        },
    }


def slow(skill: str, *, account: str = "acme", percent: int = 40) -> Alert:
    """Return a ticket on slow completions of one skill."""
    return {
        "labels": {
            "alertname": "VLMRunSlowLowTokenCompletions",
            "account": account,
            "source": "completions",
            "model": "vlmrun-orion-2:pro",
            "skill": skill,
            "severity": "warning",
            "family": "latency",
        },
        "annotations": {
            "summary": f"Completions of {account} take long although their answers are short.",
            "description": f"{percent}% of the short answers of vlmrun-orion-2:pro with skill {skill} were slow.\n"
            f"Slowest of the last 30 minutes:\n- cmpl-{percent} (completions, vlmrun-orion-2:pro, {skill}): 1m 12s "
            f"https://traces.example.com/vlmrun/cmpl-{percent}?tab=log&from=mail",
            "runbook_url": f"{RUNBOOKS}/docs/runbooks/VLMRunSlowLowTokenCompletions.md",
            "dashboard_url": f"{DASHBOARDS}/d/vlmrun-latency?var-account={account}&var-skill={skill}",
        },
    }


def down(**labels: str) -> Alert:
    """Return a page on an exporter, with an instance and an account or without."""
    who = f"{labels['instance']} answered 0% of the scrapes." if "instance" in labels else "Prometheus has no target."
    what = labels.get("account", "anything of VLM Run")
    return {
        "labels": {"alertname": "VLMRunExporterDown", "severity": "critical", "family": "exporter", **labels},
        "annotations": {
            "summary": "The exporter is down, or Prometheus does not reach it: nothing of VLM Run is watched.",
            "description": f"{who}\nNobody watches {what} meanwhile.",
            "runbook_url": f"{RUNBOOKS}/docs/runbooks/VLMRunExporterDown.md",
            "dashboard_url": f"{DASHBOARDS}/d/vlmrun-exporter?var-instance={labels.get('instance', '')}",
        },
    }


COMPLETIONS: Final = [
    f"cmpl-{number} (completions, vlmrun-orion-2:pro, invoice) https://traces.example.com/vlmrun/cmpl-{number}"
    for number in (9, 7, 4)
]

CASES: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "firing": lambda: notification([burn(completions=COMPLETIONS)]),
    "many": lambda: notification([slow(f"skill-{percent}", percent=percent) for percent in range(30, 80)]),
    "resolved": lambda: notification(resolved=[burn(completions=COMPLETIONS)]),
    "all-resolved": lambda: notification(resolved=[slow("invoice"), slow("receipt", percent=35)]),
    "mixed": lambda: notification(
        [slow("invoice"), slow("receipt", percent=35)], [slow("letter"), slow("form"), slow("note")]
    ),
    "several-accounts": lambda: notification(
        [down(instance="exporter:9464", account=account) for account in ("acme", "umbrella")]
    ),
    "no-target": lambda: notification([down(job="vlmrun-exporter")]),
    "no-links": lambda: notification(
        [burn(completions=["cmpl-9 (completions, vlmrun-orion-2:pro, invoice)"], dashboards="", runbooks="")]
    ),
    "special-characters": lambda: notification([slow(SPECIAL, account=SPECIAL), slow("invoice", account=SPECIAL)]),
}
"""Notifications by what is special about them."""
