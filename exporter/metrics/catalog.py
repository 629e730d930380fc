"""Every metric family of the exporter: name, type, help, labels, buckets. The single list.

``docs/metrics.md`` is generated from it, rules and dashboards are checked against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Type of a family, as exposed."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family. A counter's name ends in ``_total``. ``buckets`` are upper bounds in the name's unit."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


SERIES: Final = ("account", "source", "model", "skill", "status", "late")
LOW_SERIES: Final = ("account", "source", "model", "skill", "late")
LIST: Final = ("account", "source")

_POLLED = "Read from VLM Run's lists by polling, hence as fresh as vlmrun_exporter_last_success_timestamp_seconds."


def _counter(name: str, help_: str, *labels: str) -> Family:
    return Family(name, Kind.COUNTER, help_, labels)


def _gauge(name: str, help_: str, *labels: str) -> Family:
    return Family(name, Kind.GAUGE, help_, labels)


COMPLETIONS = _counter(
    "vlmrun_completions_total",
    f"Completions that reached a terminal status, each counted exactly once. {_POLLED}",
    *SERIES,
)
INPUT_TOKENS = _counter(
    "vlmrun_completion_input_tokens_total",
    "Input tokens of counted completions; rows without the value are left out (vlmrun_exporter_missing_values_total).",
    *SERIES,
)
OUTPUT_TOKENS = _counter(
    "vlmrun_completion_output_tokens_total",
    "Output tokens of counted completions; rows without the value are left out (vlmrun_exporter_missing_values_total).",
    *SERIES,
)
CREDITS = _counter(
    "vlmrun_completion_credits_total",
    "Credits that counted completions consumed (100 credits are 1 US dollar).",
    *SERIES,
)
DURATION = Family(
    "vlmrun_completion_duration_seconds",
    Kind.HISTOGRAM,
    "Total time of a completion: as the API reports it, else from its creation to its finish.",
    SERIES,
    (0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68, 655.36),
)
TIME_TO_FIRST_TOKEN = Family(
    "vlmrun_completion_time_to_first_token_seconds",
    Kind.HISTOGRAM,
    "Time from the request to the first output token, where the API reports it.",
    SERIES,
    (0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160),
)
OUTPUT_LENGTH = Family(
    "vlmrun_completion_output_length_tokens",
    Kind.HISTOGRAM,
    "Output tokens per completion.",
    SERIES,
    (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536),
)
COST = Family(
    "vlmrun_completion_cost_credits",
    Kind.HISTOGRAM,
    "Credits per completion.",
    SERIES,
    (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 1024),
)
LOW_TOKEN = _counter(
    "vlmrun_low_token_completions_total",
    "Successful completions with no more output tokens than slow_low_token.max_output_tokens.",
    *LOW_SERIES,
)
SLOW_LOW_TOKEN = _counter(
    "vlmrun_slow_low_token_completions_total",
    "Of the low-token completions, those that took longer than slow_low_token.min_duration.",
    *LOW_SERIES,
)
WORST = _gauge(
    "vlmrun_worst_completion_value",
    "The 3 worst completions of the last 30 minutes per reason and account: seconds (slow_low_token),"
    " finish time as a Unix timestamp (error), or credits (credits).",
    "reason",
    "account",
    "source",
    "model",
    "skill",
    "completion_id",
    "url",
)
BUDGET = _gauge("vlmrun_credit_budget_credits", "Credits of the configured budget for one period.", "account", "budget")
BUDGET_SPENT = _gauge(
    "vlmrun_credit_budget_spent_credits",
    "Credits spent since the period's start, by the time the work ended; see vlmrun_credit_budget_complete.",
    "account",
    "budget",
)
BUDGET_START = _gauge(
    "vlmrun_credit_budget_start_timestamp_seconds", "Start of the budget's current period.", "account", "budget"
)
BUDGET_END = _gauge(
    "vlmrun_credit_budget_end_timestamp_seconds", "End of the budget's current period.", "account", "budget"
)
BUDGET_COMPLETE = _gauge(
    "vlmrun_credit_budget_complete",
    "1 if everything spent since the period's start is known; 0 while history is still being read, or has a gap.",
    "account",
    "budget",
)
ERROR_BUDGET = _gauge("vlmrun_error_budget_ratio", "Configured slo.error_ratio, for rules to join with.", "account")
SLOW_LOW_TOKEN_RATIO = _gauge(
    "vlmrun_slow_low_token_threshold_ratio",
    "Share of slow ones among the low-token completions that alerts: slow_low_token.alert_ratio after overrides.",
    "account",
    "model",
    "skill",
)

BUILD_INFO = _gauge(
    "vlmrun_exporter_build_info", "Version of the exporter; always 1.", "version", "revision", "pythonversion"
)
SOURCE_UP = _gauge("vlmrun_exporter_source_up", "1 if the last poll of the list worked.", *LIST)
AUTH_OK = _gauge("vlmrun_exporter_auth_ok", "0 if the API refused the account's key on its last answer.", "account")
LAST_SUCCESS = _gauge(
    "vlmrun_exporter_last_success_timestamp_seconds",
    "When a poll of the list last worked, 0 before the first success.",
    *LIST,
)
WATERMARK = _gauge(
    "vlmrun_exporter_watermark_timestamp_seconds",
    "Every row created before this time has been counted, as a walk over the list has proven, or is reported as lost."
    " 0 before the first poll.",
    *LIST,
)
POLL_INTERVAL = _gauge("vlmrun_exporter_poll_interval_seconds", "Configured time between polls of the list.", *LIST)
POLL_DURATION = _gauge(
    "vlmrun_exporter_last_poll_duration_seconds", "How long the last poll took, waiting for the budget included.", *LIST
)
POLLS = _counter("vlmrun_exporter_polls_total", "Polls of the list, failed ones included.", *LIST)
POLL_FAILURES = _counter("vlmrun_exporter_poll_failures_total", "Polls that failed, by reason.", *LIST, "reason")
API_REQUESTS = _counter(
    "vlmrun_exporter_api_requests_total",
    "Requests sent to the API, retries included, by HTTP status; error if there was no answer.",
    *LIST,
    "code",
)
REQUEST_LIMIT = _gauge(
    "vlmrun_exporter_api_requests_per_minute_limit", "Configured poll.requests_per_minute of the account.", "account"
)
ROWS = _counter(
    "vlmrun_exporter_rows_total",
    "Sightings of rows: counted now, counted before (duplicate), not finished (pending), older than what is counted"
    " (settled).",
    *LIST,
    "outcome",
)
REJECTED_ROWS = _counter(
    "vlmrun_exporter_rejected_rows_total", "Rows that could not be counted, each reported once a run.", *LIST, "reason"
)
MISSING_VALUES = _counter(
    "vlmrun_exporter_missing_values_total",
    "Values that counted rows lacked; they are never taken for 0.",
    *LIST,
    "field",
)
AMENDED_ROWS = _counter(
    "vlmrun_exporter_amended_rows_total",
    "Rows that changed after they were counted; the counters keep the first.",
    *LIST,
)
VANISHED_ROWS = _counter(
    "vlmrun_exporter_vanished_rows_total", "Pending rows that a proven walk over the list no longer showed.", *LIST
)
BEYOND_LATENESS = _counter(
    "vlmrun_exporter_rows_beyond_lateness_total",
    "Rows that showed up later than poll.max_lateness allows; counted, but others like them may be missing.",
    *LIST,
)
UNPROVABLE_PAGES = _counter(
    "vlmrun_exporter_unprovable_pages_total",
    "Pages that prove nothing: out of order, of one time only, repeated, or older than what was already seen.",
    *LIST,
)
CATCHING_UP = _gauge(
    "vlmrun_exporter_catching_up", "1 while a backlog is being read, as after an outage or a restart.", *LIST
)
CATCH_UP_ETA = _gauge(
    "vlmrun_exporter_catch_up_eta_seconds",
    "Estimated time until the backlog is read, 0 without one, +Inf when rows arrive faster than the budget allows.",
    *LIST,
)
COVERAGE_GAP = _gauge(
    "vlmrun_exporter_coverage_gap_seconds",
    "Width of the time not proven to be counted: open (due, but not yet walked) or lost (given up).",
    *LIST,
    "state",
)
LABEL_OVERFLOW = _counter(
    "vlmrun_exporter_label_overflow_total",
    "Rows counted as other because the account has more models or skills than labels allows.",
    "account",
    "label",
)
LINKS = _gauge(
    "vlmrun_exporter_links_info",
    "What the addresses of dashboards and runbooks in notifications begin with (links.dashboards, links.runbooks).",
    "dashboards",
    "runbooks",
)
RELOAD_OK = _gauge(
    "vlmrun_exporter_config_last_reload_successful", "1 if the configuration was last loaded successfully."
)
RELOAD_TIME = _gauge(
    "vlmrun_exporter_config_last_reload_success_timestamp_seconds",
    "When the configuration was last loaded successfully.",
)
TASK_FAILURES = _counter(
    "vlmrun_exporter_task_failures_total", "Unexpected errors in background tasks; each is in the log.", "task"
)
LEDGER_ROLLED_BACK = _gauge(
    "vlmrun_exporter_ledger_rolled_back",
    "1 while completion families are withheld because the ledger was restored from an older copy.",
)
REFUSED_CONNECTIONS = _counter(
    "vlmrun_exporter_refused_connections_total", "Connections to the exporter that it closed, by reason.", "reason"
)
REFUSED_REQUESTS = _counter(
    "vlmrun_exporter_refused_requests_total",
    "Requests to the exporter that the web configuration did not admit, by reason.",
    "reason",
)
WEB_CONFIG_OK = _gauge(
    "vlmrun_exporter_web_config_last_reload_successful",
    "1 if the web configuration and its certificates were last loaded successfully, or if there are none.",
)

COMPLETION_FAMILIES = (
    COMPLETIONS,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    CREDITS,
    DURATION,
    TIME_TO_FIRST_TOKEN,
    OUTPUT_LENGTH,
    COST,
    LOW_TOKEN,
    SLOW_LOW_TOKEN,
    WORST,
    BUDGET,
    BUDGET_SPENT,
    BUDGET_START,
    BUDGET_END,
    BUDGET_COMPLETE,
    ERROR_BUDGET,
    SLOW_LOW_TOKEN_RATIO,
)
EXPORTER_FAMILIES = (
    BUILD_INFO,
    SOURCE_UP,
    AUTH_OK,
    LAST_SUCCESS,
    WATERMARK,
    POLL_INTERVAL,
    POLL_DURATION,
    POLLS,
    POLL_FAILURES,
    API_REQUESTS,
    REQUEST_LIMIT,
    ROWS,
    REJECTED_ROWS,
    MISSING_VALUES,
    AMENDED_ROWS,
    VANISHED_ROWS,
    BEYOND_LATENESS,
    UNPROVABLE_PAGES,
    CATCHING_UP,
    CATCH_UP_ETA,
    COVERAGE_GAP,
    LABEL_OVERFLOW,
    LINKS,
    RELOAD_OK,
    RELOAD_TIME,
    TASK_FAILURES,
    LEDGER_ROLLED_BACK,
    REFUSED_CONNECTIONS,
    REFUSED_REQUESTS,
    WEB_CONFIG_OK,
)
FAMILIES = COMPLETION_FAMILIES + EXPORTER_FAMILIES
