"""Rows with few output tokens that took long, by the rule of their model and skill."""

from __future__ import annotations

import pytest

from exporter.counting import layout as slots
from exporter.models import SECOND, SlowLowToken, SlowLowTokenOverride, SlowLowTokenRules, Status
from tests.builders import row
from tests.tallies import NOW, RULE, counted, values_of


@pytest.mark.parametrize(
    ("tokens", "duration", "status", "low", "slow"),
    [
        pytest.param(128, 10 * SECOND + 1, Status.SUCCESS, 1, 1, id="just low, just slow"),
        pytest.param(129, 10 * SECOND + 1, Status.SUCCESS, 0, 0, id="a token too many"),
        pytest.param(128, 10 * SECOND, Status.SUCCESS, 1, 0, id="just not slow"),
        pytest.param(128, None, Status.SUCCESS, 1, 0, id="of unknown duration"),
        pytest.param(None, 60 * SECOND, Status.SUCCESS, 0, 0, id="of unknown length"),
        pytest.param(0, 60 * SECOND, Status.SUCCESS, 1, 1, id="without a token"),
        pytest.param(0, 60 * SECOND, Status.ERROR, 0, 0, id="an error"),
    ],
)
def test_successes_with_few_tokens_are_low_and_of_those_the_long_ones_slow(
    tokens: int | None, duration: int | None, status: Status, low: int, slow: int
) -> None:
    values = values_of(row(NOW, status=status, output_tokens=tokens, duration=duration))
    assert (values[slots.LOW_TOKEN], values[slots.SLOW_LOW_TOKEN]) == (low, slow)


def test_slow_and_low_rows_add_up() -> None:
    (values,) = counted(*[row(NOW, output_tokens=1, duration=60 * SECOND)] * 3).series.values()
    assert (values[slots.LOW_TOKEN], values[slots.SLOW_LOW_TOKEN]) == (3, 3)


STRICT = SlowLowToken(max_output_tokens=1, min_duration=1, alert_ratio=0.5)
LAX = SlowLowToken(max_output_tokens=999, min_duration=999 * SECOND, alert_ratio=0.9)


@pytest.mark.parametrize(
    ("overrides", "rule"),
    [
        ((), RULE),
        ((("m", "s", STRICT),), STRICT),
        ((("m", "*", STRICT),), STRICT),
        ((("*", "s", STRICT),), STRICT),
        ((("*", "*", STRICT),), STRICT),
        ((("n", "s", STRICT),), RULE),
        ((("m", "t", STRICT),), RULE),
        ((("n", "*", LAX), ("m", "*", STRICT), ("m", "s", LAX)), STRICT),
    ],
    ids=lambda value: ",".join(f"{model}/{skill}" for model, skill, _ in value) if isinstance(value, tuple) else "",
)
def test_the_first_override_that_matches_model_and_skill_is_the_rule(
    overrides: tuple[tuple[str, str, SlowLowToken], ...], rule: SlowLowToken
) -> None:
    rules = SlowLowTokenRules(RULE, tuple(SlowLowTokenOverride(*override) for override in overrides))
    assert rules.resolve("m", "s") == rule


def test_a_row_is_slow_and_low_by_the_rule_of_its_model_and_skill() -> None:
    rules = SlowLowTokenRules(RULE, (SlowLowTokenOverride("m", "s", STRICT), SlowLowTokenOverride("n", "*", LAX)))
    rows = [row(NOW, model=model, skill="s", output_tokens=100, duration=60 * SECOND) for model in ("m", "n", "o")]
    delta = counted(*rows, rules=rules)
    low_and_slow = {
        key.model: (values[slots.LOW_TOKEN], values[slots.SLOW_LOW_TOKEN]) for key, values in delta.series.items()
    }
    assert low_and_slow == {"m": (0, 0), "n": (1, 0), "o": (1, 1)}
