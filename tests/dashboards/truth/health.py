"""What queries of the exporter's own gauges have to say, by the query's name; taken from what it shows at /metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.dashboards.past.history import TARGET
from tests.dashboards.truth.claims import Values
from tests.e2e.scrape import Scrape

Shows = Callable[[Scrape, float], Values]
"""What is shown at a time, of what the exporter says of itself."""


def _gauge(name: str, *labels: str, **only: str) -> Shows:
    """Return the values of a gauge by some labels; there is one exporter, and one series of each."""

    def shows(scrape: Scrape, at: float) -> Values:
        return {
            frozenset((label, sample.labels[label]) for label in labels): sample.value
            for sample in scrape.samples(name, **only)
        }

    return shows


def _age(time: Shows) -> Shows:
    """Return how long ago each time was."""
    return lambda scrape, at: {labels: at - value for labels, value in time(scrape, at).items()}


def _by_target(shows: Callable[[Scrape], float], **labels: str) -> Shows:
    """Return one number, with the labels of the scraped target."""
    return lambda scrape, at: {frozenset({**TARGET, **labels}.items()): shows(scrape)}


_DATA_AGE: Final = _age(_gauge("vlmrun_exporter_last_success_timestamp_seconds", "source"))
_PROVEN: Final = _age(_gauge("vlmrun_exporter_watermark_timestamp_seconds", "source"))


def _all(place: str, claims: Mapping[str, Shows]) -> dict[str, Shows]:
    return {f"{place} / {title}": shows for title, shows in claims.items()}


def _versions(scrape: Scrape, at: float) -> Values:
    """Return 1 for the version that runs."""
    (sample,) = scrape.samples("vlmrun_exporter_build_info")
    labels = {"instance": TARGET["instance"], **{name: sample.labels[name] for name in ("version", "pythonversion")}}
    return {frozenset(labels.items()): 1.0}


HEALTH: Final[Mapping[str, Shows]] = {
    "overview / Now / Data age": _DATA_AGE,
    "overview / Traffic / Failed / error budget": _gauge("vlmrun_error_budget_ratio"),
    "latency / Thresholds in force / Share of slow ones among short answers that alerts / Alerts above": _gauge(
        "vlmrun_slow_low_token_threshold_ratio", "account", "model", "skill"
    ),
    "credits / Budgets / Budgets / Complete": _gauge("vlmrun_credit_budget_complete", "account", "budget"),
    **_all(
        "exporter / Can the numbers be trusted?",
        {
            "Exporter": _by_target(lambda scrape: 1.0, __name__="up"),
            "API key": _gauge("vlmrun_exporter_auth_ok", "account"),
            "Watched by": lambda scrape, at: dict.fromkeys(
                _gauge("vlmrun_exporter_auth_ok", "account")(scrape, at), 1.0
            ),
            "Last poll": _gauge("vlmrun_exporter_source_up", "source"),
            "Data age": _DATA_AGE,
            "Proven up to": _PROVEN,
            "Lost": _gauge("vlmrun_exporter_coverage_gap_seconds", "source", state="lost"),
            "Catching up": _gauge("vlmrun_exporter_catching_up", "source"),
        },
    ),
    **_all(
        "exporter / Polls",
        {
            "API requests per minute / limit": _gauge("vlmrun_exporter_api_requests_per_minute_limit"),
            "Data age": _DATA_AGE,
            "Proven up to": _PROVEN,
        },
    ),
    "exporter / Rows / Time until caught up": _gauge("vlmrun_exporter_catch_up_eta_seconds", "source"),
    **_all(
        "exporter / Process",
        {
            "Series": _by_target(
                lambda scrape: sum(len(list(scrape.samples(name))) for name in scrape.names),
                __name__="scrape_samples_scraped",
            ),
            "Versions": _versions,
            "Configuration": _by_target(lambda scrape: scrape.value("vlmrun_exporter_config_last_reload_successful")),
            "Configuration loaded": _age(
                lambda scrape, at: {
                    frozenset(TARGET.items()): scrape.value(
                        "vlmrun_exporter_config_last_reload_success_timestamp_seconds"
                    )
                }
            ),
            "Ledger": _by_target(lambda scrape: scrape.value("vlmrun_exporter_ledger_rolled_back")),
        },
    ),
}
