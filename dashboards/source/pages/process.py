"""A row of the exporter's dashboard: the process, what it takes, what runs, and what went wrong inside."""

from __future__ import annotations

from typing import Final

from dashboards.source.assembly import Row
from dashboards.source.panels import BAD, GOOD, graph, number, states
from dashboards.source.promql import RANGE, highest, lowest, rate, select, select_target
from dashboards.source.tables import Label, Rows, Table
from dashboards.source.targets import graphed, now
from exporter.metrics import catalog
from exporter.metrics.catalog import Family

_TARGET: Final = ("job", "instance")
OF_TARGET: Final = "{{instance}}"

_RELOADED: Final = states(("not loaded", BAD), ("loaded", GOOD))
_ROLLED_BACK: Final = states(("sound", GOOD), ("older copy", BAD))


def of_exporters(vector: str) -> str:
    """Return what is of every target of Prometheus, of those that were exporters in the time shown."""
    seen = f"last_over_time({select(catalog.BUILD_INFO)}[{RANGE}])"
    return f"{vector} and on (job, instance) {seen}"


def a_minute(family: Family, *by: str) -> str:
    """Return by how much a counter rises a minute, by some labels."""
    return f"60 * {rate(family, by)}"


PROCESS: Final = Row(
    "Process",
    [
        graph(
            "Series",
            "Samples of a scrape. labels.max_models and labels.max_skills bound them.",
            graphed(of_exporters(select_target("scrape_samples_scraped")), OF_TARGET),
            unit="short",
            width=6,
        ),
        graph(
            "Scrape duration",
            "How long Prometheus took to scrape the exporter.",
            graphed(of_exporters(select_target("scrape_duration_seconds")), OF_TARGET),
            unit="s",
            width=6,
        ),
        graph(
            "CPU",
            "Cores that the exporter uses.",
            graphed(
                of_exporters(f"rate({select_target('process_cpu_seconds_total')}[$__rate_interval])"),
                OF_TARGET,
            ),
            unit="none",
            width=6,
        ),
        graph(
            "Memory",
            "Resident memory of the exporter.",
            graphed(of_exporters(select_target("process_resident_memory_bytes")), OF_TARGET),
            unit="bytes",
            width=6,
        ),
        graph(
            "Task failures per minute",
            "Unexpected errors in background tasks, each of which is in the log: a defect of the exporter.",
            graphed(a_minute(catalog.TASK_FAILURES, "task"), "{{task}}"),
            unit="short",
            roof=1,
            calcs=("max",),
        ),
        graph(
            "Refused connections per minute",
            "Connections to the exporter that it closed, by reason.",
            graphed(a_minute(catalog.REFUSED_CONNECTIONS, "reason"), "{{reason}}"),
            unit="short",
            roof=1,
            calcs=("max",),
        ),
        Table(
            labels=[
                Label("instance", "Instance"),
                Label("version", "Version", width=90),
                Label("pythonversion", "Python", width=80),
            ],
            values=[
                Rows(highest(("instance", "version", "pythonversion"), select(catalog.BUILD_INFO))),
            ],
            by="Instance",
            descending=False,
        ).panel("Versions", "What runs.", width=8),
        number(
            "Configuration",
            "Whether the configuration was last loaded successfully. If not, the one before is in force.",
            now(lowest(_TARGET, select(catalog.RELOAD_OK)), OF_TARGET),
            unit="none",
            mappings=_RELOADED,
            width=8,
        ),
        number(
            "Configuration loaded",
            "How long ago the configuration in force was loaded.",
            now(f"time() - {highest(_TARGET, select(catalog.RELOAD_TIME))}", OF_TARGET),
            unit="s",
            width=8,
        ),
        number(
            "Ledger",
            "Whether the ledger was restored from an older copy. Until every list is walked again, completions are"
            " withheld.",
            now(highest(_TARGET, select(catalog.LEDGER_ROLLED_BACK)), OF_TARGET),
            unit="none",
            mappings=_ROLLED_BACK,
            width=8,
        ),
    ],
    collapsed=True,
)
