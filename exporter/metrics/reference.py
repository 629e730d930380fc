"""Writes docs/metrics.md from the catalogue: ``python -m exporter.metrics.reference > docs/metrics.md``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.metrics import catalog
from exporter.metrics.catalog import Family

PREFACE: Final = """\
# Metrics

<!-- Generated: python -m exporter.metrics.reference > docs/metrics.md -->

What `/metrics` serves: Prometheus's text format 0.0.4, or OpenMetrics 1.0 if the scraper prefers it. The same answer
has the usual `process_*` and `python_info` families. Names and labels are a contract: they are added to, not renamed.

## How to read them

**Counters go on.** Completions and the exporter's own counters are in the ledger before they are shown: a restart or
`kill -9` neither resets them nor takes anything back. Every completion is counted once, when it reaches a terminal
status; a row that the API changes afterwards is not counted again, and shows in `vlmrun_exporter_amended_rows_total`.

**A new series begins at 0.** It is shown as 0 for `metrics.birth_hold` (60s, enough for two scrapes) before its value
is, so that `increase()` and `rate()` see its rise. The series of one account, source, model and skill are born
together: the first error is a rise from 0. A family is born with the first row that has its value: without tokens, no
token counters. After a restart, series that had shown their value show it at once; the others begin at 0 again.

**Late rows are told apart.** A row whose work ended more than `poll.late_after` (10m) before it is counted has
`late="true"`, as after an outage of the API or of the exporter. Rates of what happens now want `late="false"`; totals
want both.

**No series without bound.** The first `labels.max_models` models and `labels.max_skills` skills of an account keep
their names. Later ones are counted as `other`, and in `vlmrun_exporter_label_overflow_total`. A row without model is
`model="unknown"`, one without skill or domain `skill="none"`.

**What a row lacks is not 0.** It is left out, and counted in `vlmrun_exporter_missing_values_total`. Hence the
`_count` of a histogram may be lower than the completions, and a mean is to be taken over its own `_count`.

**Units.** Seconds, tokens and credits (100 credits are 1 US dollar); timestamps are Unix time in seconds; ratios are
between 0 and 1.

**Freshness.** The lists are polled on a timer, and samples carry no timestamp: a value is as old as the last poll
that worked, `vlmrun_exporter_last_success_timestamp_seconds`. Up to when *every* row is proven to be counted, or
reported as lost, is `vlmrun_exporter_watermark_timestamp_seconds`, which trails by `poll.max_lateness` (15m) or more.

**Exemplars.** In OpenMetrics, the buckets of duration and cost, errors, and slow low-token completions name the
latest completion they counted, as `completion_id`.
"""


@dataclass(frozen=True, slots=True)
class Group:
    """Families that are read together, under one heading."""

    title: str
    prose: str
    families: tuple[Family, ...]
    level: int = 2


GROUPS: Final = (
    Group(
        "Completions",
        "One completion is one finished unit of billed work: a chat completion, an agent execution, or a request.",
        (
            catalog.COMPLETIONS,
            catalog.INPUT_TOKENS,
            catalog.OUTPUT_TOKENS,
            catalog.CREDITS,
            catalog.DURATION,
            catalog.TIME_TO_FIRST_TOKEN,
            catalog.OUTPUT_LENGTH,
            catalog.COST,
            catalog.LOW_TOKEN,
            catalog.SLOW_LOW_TOKEN,
            catalog.WORST,
        ),
    ),
    Group(
        "Credit budgets",
        "One series for each of `budgets` and each account it applies to. Spent is by the time the work ended, and is"
        " filled back to the period's start on a first start in mid-period.",
        (
            catalog.BUDGET,
            catalog.BUDGET_SPENT,
            catalog.BUDGET_START,
            catalog.BUDGET_END,
            catalog.BUDGET_COMPLETE,
        ),
    ),
    Group(
        "Thresholds",
        "What the configuration says, for alert rules to join with: thresholds are changed there, not in PromQL.",
        (catalog.ERROR_BUDGET, catalog.SLOW_LOW_TOKEN_RATIO),
    ),
    Group("Exporter", "How the exporter itself is doing. Every enumerated label value is there from the start.", ()),
    Group(
        "Polls",
        "Does it reach the API, and how fresh is what it shows?",
        (
            catalog.SOURCE_UP,
            catalog.AUTH_OK,
            catalog.LAST_SUCCESS,
            catalog.POLL_INTERVAL,
            catalog.POLL_DURATION,
            catalog.POLLS,
            catalog.POLL_FAILURES,
            catalog.API_REQUESTS,
            catalog.REQUEST_LIMIT,
        ),
        level=3,
    ),
    Group(
        "Coverage",
        "Is everything counted, and up to when?",
        (
            catalog.WATERMARK,
            catalog.COVERAGE_GAP,
            catalog.CATCHING_UP,
            catalog.CATCH_UP_ETA,
            catalog.UNPROVABLE_PAGES,
            catalog.BEYOND_LATENESS,
            catalog.VANISHED_ROWS,
            catalog.LEDGER_ROLLED_BACK,
        ),
        level=3,
    ),
    Group(
        "Rows",
        "What became of what was read?",
        (
            catalog.ROWS,
            catalog.REJECTED_ROWS,
            catalog.MISSING_VALUES,
            catalog.AMENDED_ROWS,
            catalog.LABEL_OVERFLOW,
        ),
        level=3,
    ),
    Group(
        "Process",
        "What runs, and with which configuration?",
        (
            catalog.BUILD_INFO,
            catalog.LINKS,
            catalog.RELOAD_OK,
            catalog.RELOAD_TIME,
            catalog.TASK_FAILURES,
            catalog.REFUSED_CONNECTIONS,
            catalog.REFUSED_REQUESTS,
            catalog.WEB_CONFIG_OK,
        ),
        level=3,
    ),
)

ENUMERATED: Final[Mapping[tuple[str, Family | None], Mapping[str, str]]] = {
    ("source", None): {
        "completions": "chat completions",
        "executions": "agent executions",
        "requests": "requests, which the API calls predictions",
    },
    ("status", None): {"success": "finished well", "error": "finished badly, cancelled or expired"},
    ("late", None): {
        "false": "counted soon after the work ended",
        "true": "counted more than `poll.late_after` after the work ended",
    },
    ("reason", catalog.WORST): {
        "slow_low_token": "the slowest of the slow low-token completions; the value is seconds",
        "error": "the latest errors; the value is the finish time",
        "credits": "the most expensive; the value is credits",
    },
    ("reason", catalog.POLL_FAILURES): {
        "auth": "the API refused the key, or there is none",
        "rate_limited": "the API answered 429",
        "timeout": "no answer within `poll.timeout`",
        "connection": "no connection: DNS, TCP, TLS, or cut off",
        "server_error": "the API answered 5xx",
        "client_error": "the API answered another 4xx",
        "bad_body": "the answer is not the list that was asked for",
        "too_large": "the answer is larger than allowed",
        "redirect": "the API answered 3xx, which is not followed with a key",
        "ledger": "the ledger could not be read or written",
    },
    ("code", catalog.API_REQUESTS): {
        **dict.fromkeys(("200", "401", "429", "500", "503"), "HTTP status; others appear when they are first met"),
        "error": "there was no answer",
    },
    ("outcome", catalog.ROWS): {
        "counted": "reached a terminal status, and is counted now",
        "duplicate": "was counted before",
        "pending": "is not finished",
        "settled": "lies before the time that is counted, or before the time that is proven to be counted",
    },
    ("reason", catalog.REJECTED_ROWS): {
        "no_id": "has no id",
        "bad_timestamp": "has no creation time that can be read",
        "bad_value": "has a value that cannot be: negative, not a number, of another type",
        "unknown_status": "has a status that the source's `status` does not list",
        "not_an_object": "is not a JSON object",
    },
    ("field", catalog.MISSING_VALUES): {
        "model": "counted as `unknown`",
        "input_tokens": "not in the token counter",
        "output_tokens": "not in the token counter, nor in the output length, nor among the low-token completions",
        "credits": "not in credits, cost and budgets",
        "duration": "not in the duration, nor among the slow ones",
        "time_to_first_token": "not in the time to the first token",
    },
    ("state", catalog.COVERAGE_GAP): {
        "open": "due to be proven by now, and not yet walked",
        "lost": "given up: the ledger was lost, or the list could not be proven",
    },
    ("label", catalog.LABEL_OVERFLOW): {
        "model": "more than `labels.max_models`",
        "skill": "more than `labels.max_skills`",
    },
    ("task", catalog.TASK_FAILURES): {
        "poll": "polling a list",
        "publish": "rendering `/metrics`",
        "web": "anything else",
    },
    ("reason", catalog.REFUSED_CONNECTIONS): {
        "too_many_connections": "all places were taken",
        "headers_timeout": "the headers did not arrive in time",
        "headers_too_large": "the headers were too large",
        "body_timeout": "the body did not arrive in time",
        "body_too_large": "the body was too large",
        "too_many_pipelined": "too many requests waited behind one",
        "bad_request": "it was not HTTP",
        "write_timeout": "the client did not take the answer in time",
        "too_much_unread": "clients together left too much of their answers unread",
        "handshake_timeout": "TLS's handshake did not end in time",
        "handshake_failed": "TLS's handshake failed: another version, no common cipher suite, a certificate refused",
        "client_not_allowed": "the client's certificate has no name of `client_allowed_sans`",
        "plain_http": "the client spoke HTTP where HTTPS is expected",
    },
    ("reason", catalog.REFUSED_REQUESTS): {
        "rate_limited": "more requests than `rate_limit` allows",
        "no_credentials": "no user and password, or none that can be read",
        "bad_credentials": "an unknown user or a wrong password",
        "throttled": "too many wrong passwords of that address, or of all",
        "busy": "too many passwords waited to be checked",
    },
}
"""Values of labels, and what each means: in one family, or in every family that has the label."""

_NAMES: Final = re.compile(r"vlmrun_[a-z_]+[a-z]|\b(?:labels|links|poll|slo|slow_low_token)\.[a-z_]+")


def render() -> str:
    """Return the whole of docs/metrics.md."""
    return "\n".join([PREFACE, *(line for group in GROUPS for line in _group(group)), *_values()])


def _group(group: Group) -> Iterator[str]:
    yield from (f"{'#' * group.level} {group.title}", "", group.prose, "")
    families = [
        (f"`{family.name}`", family.kind, _code(family.labels) or "none", _linked(family.help))
        for family in group.families
    ]
    yield from _table(("Family", "Type", "Labels", "What"), families)
    bounds = [(f"`{family.name}`", " ".join(f"{bound:g}" for bound in family.buckets)) for family in group.families]
    yield from _table(("Histogram", "Upper bounds of its buckets, and `+Inf`"), [row for row in bounds if row[1]])


def _values() -> Iterator[str]:
    yield from ("## Label values", "", "`account`, `budget`, `model` and `skill` are yours. These are ours:", "")
    for (label, family), meanings in ENUMERATED.items():
        yield from (f"`{label}` of `{family.name}`:" if family else f"`{label}`:", "")
        yield from _table(("Value", "Meaning"), [(f"`{value}`", meaning) for value, meaning in meanings.items()])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table and a blank line; nothing without rows."""
    if rows:
        for row in (head, ["---"] * len(head), *rows):
            yield f"| {' | '.join(row)} |"
        yield ""


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _linked(text: str) -> str:
    """Mark names of families and of configuration keys as code."""
    return _NAMES.sub(r"`\g<0>`", text)


if __name__ == "__main__":
    sys.stdout.write(render())
