"""What each query that claims a total has to say, by the query's name.

A graph claims as much as a total does: asked for one moment, with all of the time shown as its ``$__rate_interval``, it
says what happened in that time, a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Final

from tests.dashboards.truth import numbers
from tests.dashboards.truth.rows import Labels, Number, Rows, by_labels

Values = dict[Labels, float]

Claim = Callable[[Rows, float], Values]
"""What has to be shown of rows that were counted within so many seconds. NaN is not shown."""

LIST: Final = ("source",)
MODEL: Final = ("source", "model")
SKILL: Final = ("source", "skill")
STATUS: Final = ("source", "status")
MODEL_SKILL: Final = ("source", "model", "skill")

MINUTE: Final = 60.0
HOUR: Final = 3600.0


def of(labels: tuple[str, ...], number: Number) -> Claim:
    """Claim a number of the rows of each combination of labels."""

    def claim(rows: Rows, seconds: float) -> Values:
        found = {values: number(group) for values, group in by_labels(rows, labels).items()}
        return {values: value for values, value in found.items() if not isnan(value)}

    return claim


def per(time: float, labels: tuple[str, ...], number: Number) -> Claim:
    """Claim a number of the rows of each combination of labels, for each ``time`` seconds."""
    altogether = of(labels, number)
    return lambda rows, seconds: {values: value * time / seconds for values, value in altogether(rows, seconds).items()}


def in_buckets(count: Callable[[Rows], Mapping[str, float]]) -> Claim:
    """Claim how many rows are in each bucket and those below it."""
    return lambda rows, seconds: {frozenset({("le", bound)}): value for bound, value in count(rows).items()}


def share_of_list(rows: Rows, of_all_models: Rows) -> Values:
    """Return which share of all completions of its list each model has; ``rows`` are of the models that are chosen."""
    lists = by_labels(of_all_models, LIST)
    return {
        values: numbers.COMPLETIONS(group)
        / numbers.COMPLETIONS(lists[frozenset(pair for pair in values if pair[0] in LIST)])
        for values, group in by_labels(rows, MODEL).items()
    }


SHARES: Final = ("models / Models / Models / Share", "models / Side by side, for the chosen skills / Share of traffic")
"""Say :func:`share_of_list`."""


def _each(place: str, labels: tuple[str, ...], columns: Mapping[str, Number]) -> dict[str, Claim]:
    return {f"{place} / {title}": of(labels, number) for title, number in columns.items()}


SUMS: Final[Mapping[str, Claim]] = {
    **_each(
        "overview / In the time shown",
        LIST,
        {"Completions": numbers.COMPLETIONS, "Failed": numbers.FAILED, "Credits": numbers.CREDITS},
    ),
    **_each(
        "overview / Where it comes from / Models",
        MODEL,
        {"Completions": numbers.COMPLETIONS, "Failed": numbers.FAILED, "Credits": numbers.CREDITS},
    ),
    **_each(
        "overview / Where it comes from / Skills",
        SKILL,
        {"Completions": numbers.COMPLETIONS, "Failed": numbers.FAILED, "Credits": numbers.CREDITS},
    ),
    **_each(
        "models / Models / Models",
        MODEL,
        {
            "Completions": numbers.COMPLETIONS,
            "Failed": numbers.FAILED,
            "Credits each": numbers.CREDITS_EACH,
            "Credits/1k output": numbers.CREDITS_PER_1K,
        },
    ),
    **_each(
        "models / Skills of the chosen models / Skills by model",
        MODEL_SKILL,
        {
            "Completions": numbers.COMPLETIONS,
            "Failed": numbers.FAILED,
            "Credits each": numbers.CREDITS_EACH,
        },
    ),
    **_each(
        "tokens / In the time shown",
        LIST,
        {
            "Input tokens": numbers.INPUT,
            "Output tokens": numbers.OUTPUT,
            "Output per input token": numbers.OUTPUT_PER_INPUT,
            "Output tokens each": numbers.LENGTH,
            "Credits/1k output": numbers.CREDITS_PER_1K,
            "Tokens on failures": numbers.WASTE,
        },
    ),
    **_each(
        "tokens / By skill / Tokens by skill and model",
        MODEL_SKILL,
        {
            "Tokens": numbers.TOKENS,
            "Input each": numbers.INPUT_EACH,
            "Output each": numbers.OUTPUT_EACH,
            "Output/input": numbers.OUTPUT_PER_INPUT,
            "Credits/1k output": numbers.CREDITS_PER_1K,
            "On failures": numbers.WASTE,
        },
    ),
    **_each(
        "credits / Where credits go",
        LIST,
        {"Credits": numbers.CREDITS, "On failures": numbers.CREDITS_ON_FAILURES},
    ),
    "credits / Day over day / Credits by skill and model / Credits each": of(MODEL_SKILL, numbers.CREDITS_EACH),
}
"""Totals of the time shown that sums of rows tell."""

SINGLE: Final[Mapping[str, Claim]] = {
    "overview / In the time shown / Duration p95": of(LIST, numbers.P95),
    "overview / Where it comes from / Models / p95": of(MODEL, numbers.P95),
    "overview / Where it comes from / Skills / p95": of(SKILL, numbers.P95),
    **_each(
        "models / Models / Models",
        MODEL,
        {
            "p50": numbers.P50,
            "p95": numbers.P95,
            "First token p95": numbers.FIRST_TOKEN_P95,
            "Output tokens/s": numbers.TOKENS_PER_SECOND,
        },
    ),
    **_each(
        "models / Skills of the chosen models / Skills by model",
        MODEL_SKILL,
        {"p50": numbers.P50, "p95": numbers.P95},
    ),
    **_each(
        "latency / In the time shown",
        LIST,
        {
            "Duration p50": numbers.P50,
            "Duration p95": numbers.P95,
            "First token p95": numbers.FIRST_TOKEN_P95,
            "Time per output token": numbers.TIME_PER_TOKEN,
            "Slow short share": numbers.SLOW_SHARE,
            "Slow short count": numbers.SLOW_COUNT,
        },
    ),
}
"""Totals of the time shown that only single rows tell."""

GRAPHS: Final[Mapping[str, Claim]] = {
    "overview / Now / Completions/min": per(MINUTE, LIST, numbers.COMPLETIONS),
    "overview / Now / Tokens/min": per(MINUTE, LIST, numbers.TOKENS),
    "overview / Traffic / Completions per minute by outcome": per(MINUTE, STATUS, numbers.COMPLETIONS),
    "overview / Traffic / Completions per minute by model": per(MINUTE, MODEL, numbers.COMPLETIONS),
    "overview / Traffic / Failed / {{source}}": of(LIST, numbers.FAILED),
    "overview / Traffic / Duration / p50 · {{source}}": of(LIST, numbers.P50),
    "overview / Traffic / Duration / p95 · {{source}}": of(LIST, numbers.P95),
    "overview / Traffic / Tokens per minute / input · {{source}}": per(MINUTE, LIST, numbers.INPUT),
    "overview / Traffic / Tokens per minute / output · {{source}}": per(MINUTE, LIST, numbers.OUTPUT),
    "overview / Traffic / Credits per hour": per(HOUR, LIST, numbers.CREDITS),
    **_each(
        "models / Side by side, for the chosen skills",
        MODEL,
        {
            "Duration p95": numbers.P95,
            "Failed": numbers.FAILED,
            "First token p95": numbers.FIRST_TOKEN_P95,
            "Output tokens per second": numbers.TOKENS_PER_SECOND,
            "Credits per completion": numbers.CREDITS_EACH,
        },
    ),
    "tokens / Flow / Input tokens per minute": per(MINUTE, MODEL, numbers.INPUT),
    "tokens / Flow / Output tokens per minute": per(MINUTE, MODEL, numbers.OUTPUT),
    "tokens / Flow / Output per input token": of(MODEL, numbers.OUTPUT_PER_INPUT),
    "tokens / Length of answers / Output tokens": in_buckets(numbers.LENGTHS),
    "tokens / Length of answers / Output tokens per completion": of(MODEL, numbers.LENGTH),
    "tokens / Waste / Tokens spent on failures": per(MINUTE, MODEL, numbers.TOKENS_ON_FAILURES),
    "tokens / Waste / Credits per 1k output tokens": of(MODEL, numbers.CREDITS_PER_1K),
    "latency / Patterns / Duration": in_buckets(numbers.DURATIONS),
    "latency / Patterns / Time to first token": in_buckets(numbers.FIRST_TOKENS),
    **_each(
        "latency / Where the time goes",
        MODEL,
        {
            "Duration p95": numbers.P95,
            "First token p95": numbers.FIRST_TOKEN_P95,
            "Generation time": numbers.GENERATION,
            "Time per output token": numbers.TIME_PER_TOKEN,
            "Slow short answers by model": numbers.SLOW_SHARE,
        },
    ),
    "latency / Where the time goes / Slow short answers by skill": of(SKILL, numbers.SLOW_SHARE),
    "credits / Budgets / Burn against pace / used · {{account}}": per(HOUR, ("account",), numbers.CREDITS),
    "credits / Where credits go / Credits per hour by model": per(HOUR, MODEL, numbers.CREDITS),
    "credits / Where credits go / Credits per hour by skill": per(HOUR, SKILL, numbers.CREDITS),
    "credits / Where credits go / Credits per hour by status": per(HOUR, STATUS, numbers.CREDITS),
    "credits / Where credits go / Credits per completion": of(MODEL, numbers.CREDITS_EACH),
    "credits / Where credits go / Cost p95": of(MODEL, numbers.COST_P95),
}
"""What graphs say of the time shown, if all of it is one ``$__rate_interval``."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A table of what is claimed of the last day, of the day so many ``days`` before it, and by how much it grew."""

    claim: Claim
    days: int
    last: str
    before: str
    growth: str

    @property
    def columns(self) -> tuple[str, str, str]:
        """The titles of its columns."""
        return self.last, self.before, self.growth


GROWTH: Final[Mapping[str, Growth]] = {
    "credits / Day over day / Credits by skill and model": Growth(
        of(MODEL_SKILL, numbers.CREDITS), 1, "Last 24 h", "24 h before", "Change"
    ),
    "tokens / Growth against last week / Output tokens per completion": Growth(
        of(MODEL_SKILL, numbers.LENGTH), 7, "Last 24 h", "The same 24 h a week ago", "Change"
    ),
}
