"""The numbers that dashboards show, each computed of rows."""

from __future__ import annotations

from typing import Final

from exporter.metrics import catalog
from tests.dashboards.truth.rows import Row, cumulative, mean, plus, quantile, ratio, total

LOW: Final = 128
"""Output tokens that are few: the default of slow_low_token.max_output_tokens."""

SLOW: Final = 2.0
"""Seconds from which on a short answer is slow: slow_low_token.min_duration of the recording."""


def _failed(row: Row) -> bool:
    return row.failed


def _good(row: Row) -> bool:
    return not row.failed


def _completions(row: Row) -> float | None:
    return row.completions


def _input(row: Row) -> float | None:
    return row.input_tokens


def _output(row: Row) -> float | None:
    return row.output_tokens


def _telling(row: Row) -> float | None:
    return None if row.output_tokens is None else row.completions


def _credits(row: Row) -> float | None:
    return row.credits


def _duration(row: Row) -> float | None:
    return row.duration


def _first_token(row: Row) -> float | None:
    return row.first_token


def _low(row: Row) -> float | None:
    """Return 1 for a short answer and 0 for any other row, if its length is known."""
    return None if row.output_tokens is None else float(not row.failed and row.output_tokens <= LOW)


def _slow(row: Row) -> bool:
    return row.duration is not None and row.duration > SLOW


COMPLETIONS: Final = total(_completions)
FAILED: Final = ratio(total(_completions, _failed), COMPLETIONS)
"""Share of completions."""

CREDITS: Final = total(_credits)
CREDITS_ON_FAILURES: Final = total(_credits, _failed)
CREDITS_EACH: Final = mean(_credits)

INPUT: Final = total(_input)
OUTPUT: Final = total(_output)
TOKENS: Final = plus(INPUT, OUTPUT)
TOKENS_ON_FAILURES: Final = plus(total(_input, _failed), total(_output, _failed))
WASTE: Final = ratio(TOKENS_ON_FAILURES, TOKENS)
"""Share of tokens."""

INPUT_EACH: Final = ratio(INPUT, total(_telling))
"""Of rows that tell their output tokens, which are those that have a length."""
OUTPUT_EACH: Final = mean(_output)
OUTPUT_PER_INPUT: Final = ratio(OUTPUT, INPUT)
CREDITS_PER_1K: Final = ratio(CREDITS, OUTPUT, 1000)
LENGTH: Final = mean(_output, _good)
"""Output tokens of a successful completion."""

P50: Final = quantile(0.5, _duration, catalog.DURATION, _good)
P95: Final = quantile(0.95, _duration, catalog.DURATION, _good)
FIRST_TOKEN_P95: Final = quantile(0.95, _first_token, catalog.TIME_TO_FIRST_TOKEN, _good)
COST_P95: Final = quantile(0.95, _credits, catalog.COST, lambda row: True)

GENERATION: Final = plus(mean(_duration, _good), mean(_first_token, _good), -1)
"""Seconds between first token and end of a successful completion."""

TIME_PER_TOKEN: Final = ratio(GENERATION, LENGTH)
TOKENS_PER_SECOND: Final = ratio(LENGTH, GENERATION)

SLOW_COUNT: Final = total(_low, _slow)
SLOW_SHARE: Final = ratio(SLOW_COUNT, total(_low))
"""Of short answers."""

DURATIONS: Final = cumulative(_duration, catalog.DURATION, _good)
FIRST_TOKENS: Final = cumulative(_first_token, catalog.TIME_TO_FIRST_TOKEN, _good)
LENGTHS: Final = cumulative(_output, catalog.OUTPUT_LENGTH, _good)
"""Successful completions by bucket."""
