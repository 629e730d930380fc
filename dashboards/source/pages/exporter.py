"""Exporter health: does it reach the API, is everything counted, and what does it take."""

from __future__ import annotations

from typing import Final

from dashboards.source import links
from dashboards.source.assembly import Page, Row
from dashboards.source.pages.common import AGE, LIST, NEVER, OF_LIST, SOURCES, data_age
from dashboards.source.pages.process import OF_TARGET, PROCESS, a_minute, of_exporters
from dashboards.source.panels import BAD, GOOD, WARN, graph, number, states, steps
from dashboards.source.promql import highest, lowest, select, select_target, total
from dashboards.source.targets import graphed, now
from dashboards.source.variables import LISTS
from exporter.metrics import catalog
from exporter.metrics.catalog import Family

_CHOSEN: Final = ("account", "source")
"""The variables that this dashboard has of those which completions have labels for."""

_UP: Final = states(("down", BAD), ("up", GOOD))
_ACCEPTED: Final = states(("refused", BAD), ("accepted", GOOD))
_CATCHING_UP: Final = states(("no", GOOD), ("yes", WARN))


def _proven() -> str:
    """Return the seconds since the time up to which everything is proven, by list; see :data:`NEVER`."""
    return f"time() - {lowest(LIST, select(catalog.WATERMARK))}"


def _since(family: Family) -> str:
    """Return the seconds since a time by list, leaving out a time that has not come yet: it stands at 0."""
    return f"time() - {lowest(LIST, f'({select(family)} > 0)')}"


_LATE: Final = f"rate({select(catalog.COMPLETIONS, chosen=_CHOSEN, late='true')}[$__rate_interval])"

TRUST: Final = Row(
    "Can the numbers be trusted?",
    [
        number(
            "Exporter",
            "Whether Prometheus reaches the exporter, for targets that were exporters in the time shown.",
            now(of_exporters(select_target("up")), OF_TARGET),
            unit="none",
            mappings=_UP,
            nothing="no exporter",
        ),
        number(
            "API key",
            "Whether the API accepts the key of the account. While it does not, nothing of the account is watched.",
            now(lowest(("account",), select(catalog.AUTH_OK)), "{{account}}"),
            unit="none",
            mappings=_ACCEPTED,
        ),
        number(
            "Watched by",
            "How many exporters watch the account. Two of them count everything twice: choose one instance above, and"
            " stop the other.",
            now(f"count by (account) ({select(catalog.AUTH_OK)})", "{{account}}"),
            unit="none",
            thresholds=steps((2, BAD)),
        ),
        number(
            "Last poll",
            "Whether the last poll of the list worked.",
            now(lowest(LIST, select(catalog.SOURCE_UP)), OF_LIST),
            unit="none",
            mappings=_UP,
            ordered=SOURCES,
        ),
        number(
            "Data age",
            "Time since a poll of the list last worked: how old the numbers of all dashboards are.",
            now(data_age(), OF_LIST),
            unit="s",
            decimals=0,
            thresholds=AGE,
            mappings=NEVER,
            ordered=SOURCES,
        ),
        number(
            "Proven up to",
            "How long ago the time is up to which every row is proven to be counted, or reported as lost. It trails by"
            " poll.max_lateness, 15 minutes, and the time between two walks.",
            now(_proven(), OF_LIST),
            unit="s",
            decimals=0,
            thresholds=steps((1800, WARN), (3600, BAD)),
            mappings=NEVER,
            ordered=SOURCES,
        ),
        number(
            "Lost",
            "Width of the time that was given up: rows in it may be missing from every number, for ever.",
            now(highest(LIST, select(catalog.COVERAGE_GAP, state="lost")), OF_LIST),
            unit="s",
            decimals=0,
            thresholds=steps((1, BAD)),
            ordered=SOURCES,
        ),
        number(
            "Catching up",
            "Whether a backlog is being read, as after an outage or a restart. Its rows are late: totals grow, rates"
            " do not.",
            now(highest(LIST, select(catalog.CATCHING_UP)), OF_LIST),
            unit="none",
            mappings=_CATCHING_UP,
            ordered=SOURCES,
        ),
    ],
)

POLLS: Final = Row(
    "Polls",
    [
        graph(
            "API requests per minute",
            "Requests sent to the API by HTTP status, retries included, of all lists; and poll.requests_per_minute of"
            " the accounts, dashed.",
            graphed(a_minute(catalog.API_REQUESTS, "code"), "{{code}}"),
            graphed(total((), highest(("account",), select(catalog.REQUEST_LIMIT))), "limit"),
            unit="short",
            colors={"/^(4|5|error)/": BAD},
            dashed="/^limit$/",
        ),
        graph(
            "Duration of the last poll",
            "How long the last poll of a list took, waiting for the request budget included.",
            graphed(highest(LIST, select(catalog.POLL_DURATION)), OF_LIST),
            unit="s",
        ),
        graph(
            "Failed polls per minute",
            "Polls that failed, by reason. docs/metrics.md says what each reason means.",
            graphed(a_minute(catalog.POLL_FAILURES, "reason"), "{{reason}}"),
            unit="short",
            roof=1,
            calcs=("max",),
        ),
        graph(
            "Data age",
            "Time since a poll of the list last worked. It is a saw between 0 and poll.interval while all is well.",
            graphed(_since(catalog.LAST_SUCCESS), OF_LIST),
            unit="s",
            limits=steps((180, BAD)),
        ),
        graph(
            "Proven up to",
            "How long ago the time is up to which every row is proven to be counted, or reported as lost.",
            graphed(_since(catalog.WATERMARK), OF_LIST),
            unit="s",
        ),
        graph(
            "Gaps",
            "Width of the time that is not proven to be counted: open, or given up as lost.",
            graphed(highest(("source", "state"), select(catalog.COVERAGE_GAP)), "{{state}} · {{source}}"),
            unit="s",
            colors={"/^lost/": BAD},
        ),
    ],
)

ROWS: Final = Row(
    "Rows",
    [
        graph(
            "Rows per minute by outcome",
            "Sightings of rows: counted now, counted before, not finished, older than what is counted. Each row is"
            " read several times; it is counted once.",
            graphed(a_minute(catalog.ROWS, "outcome"), "{{outcome}}"),
            unit="short",
        ),
        graph(
            "Late completions per minute",
            'Completions counted long after their work ended (late="true"), as after an outage. They are in totals, and'
            " not in rates.",
            graphed(f"60 * {total(LIST, _LATE)}", OF_LIST),
            unit="short",
            roof=1,
        ),
        graph(
            "Time until caught up",
            "Estimate of how long reading the backlog takes; 0 without one. Without end: rows arrive faster than the"
            " request budget allows, which shows as a gap in the line.",
            graphed(f"{highest(LIST, select(catalog.CATCH_UP_ETA))} < Inf", OF_LIST),
            unit="s",
        ),
        graph(
            "Rejected rows per minute",
            "Rows that could not be counted, by reason, each reported once a run. The log has the ids.",
            graphed(a_minute(catalog.REJECTED_ROWS, "reason"), "{{reason}}"),
            unit="short",
            roof=1,
            calcs=("max",),
        ),
        graph(
            "Missing values per minute",
            "Values that counted rows lacked, by field. They are left out of every number, and never taken for 0.",
            graphed(a_minute(catalog.MISSING_VALUES, "field"), "{{field}}"),
            unit="short",
            roof=1,
            calcs=("max",),
        ),
        graph(
            "Odd rows and pages per minute",
            "Rows that came later than poll.max_lateness allows, that changed after they were counted, that vanished"
            " while pending; pages that prove nothing; rows counted as other for want of labels.",
            graphed(a_minute(catalog.BEYOND_LATENESS), "beyond lateness"),
            graphed(a_minute(catalog.AMENDED_ROWS), "amended"),
            graphed(a_minute(catalog.VANISHED_ROWS), "vanished"),
            graphed(a_minute(catalog.UNPROVABLE_PAGES), "unprovable pages"),
            graphed(a_minute(catalog.LABEL_OVERFLOW, "label"), "overflow of {{label}}"),
            unit="short",
            roof=1,
            calcs=("max",),
        ),
    ],
)

PAGE: Final = Page(
    uid=links.EXPORTER,
    title="Exporter",
    description="Does the exporter reach the API, is everything counted and up to when, and what does it take.",
    variables=LISTS,
    rows=[TRUST, POLLS, ROWS, PROCESS],
    alerts=("exporter",),
)
