"""What is tried again, after which wait, and when it is left to the caller."""

from __future__ import annotations

from email.utils import formatdate
from random import Random

import pytest

from exporter.api.client import Response
from exporter.api.errors import ApiError
from exporter.models import SECOND, FailureReason
from tests.clients import IMPATIENT, OK, fetch
from tests.clocks import START
from tests.servers import Answer, answer, reset, silence


@pytest.mark.parametrize("first", [answer(503), answer(500), answer(429), answer(408), reset])
def test_what_may_pass_is_tried_again_after_a_jittered_wait(first: Answer) -> None:
    outcome, server, it = fetch(first, first, OK)
    assert isinstance(outcome, Response)
    assert len(server.requests) == len(it.journal) == len(it.codes) == 3
    assert it.codes[-1] == "200"
    assert [0 < wait <= limit for wait, limit in zip(it.clock.slept, (1, 2), strict=True)] == [True, True]


def test_a_timeout_is_tried_again() -> None:
    outcome, _, it = fetch(silence, OK, timeout=IMPATIENT, random=Random(4))
    assert isinstance(outcome, Response)
    assert it.codes == ["error", "200"]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422, 302, 204])
def test_what_will_not_pass_is_not_tried_again(status: int) -> None:
    outcome, server, it = fetch(answer(status, b""))
    assert isinstance(outcome, ApiError)
    assert len(server.requests) == 1
    assert it.codes == [str(status)]


def test_the_last_failure_is_raised_when_the_attempts_are_used_up() -> None:
    outcome, server, it = fetch(answer(500), answer(502), answer(503), OK, max_attempts=3)
    assert isinstance(outcome, ApiError)
    assert outcome.status == 503
    assert it.codes == ["500", "502", "503"]
    assert len(server.requests) == 3


def test_retry_after_seconds_are_waited() -> None:
    _, _, it = fetch(answer(429, retry_after="17"), OK)
    assert it.clock.slept == [17.0]


def test_a_retry_after_date_is_measured_by_the_servers_clock() -> None:
    there = START // SECOND + 86_400
    dates = {"date": formatdate(there, usegmt=True), "retry_after": formatdate(there + 9, usegmt=True)}
    _, _, it = fetch(answer(503, b"", **dates), OK)
    assert it.clock.slept == [9.0]


def test_a_retry_after_date_without_date_is_measured_by_ours() -> None:
    _, _, it = fetch(answer(503, retry_after=formatdate(START // SECOND + 9, usegmt=True)), OK)
    assert it.clock.slept == [9.0]


@pytest.mark.parametrize(("timeout", "asked"), [(10.0, "31"), (1000.0, "301")])
def test_a_retry_after_too_long_to_wait_for_is_left_to_the_caller(timeout: float, asked: str) -> None:
    outcome, server, it = fetch(answer(429, retry_after=asked), OK, timeout=timeout)
    assert isinstance(outcome, ApiError)
    assert outcome.reason is FailureReason.RATE_LIMITED
    assert outcome.retry_after == float(asked)
    assert it.clock.slept == []
    assert len(server.requests) == 1


def test_no_retry_starts_that_could_end_after_four_timeouts() -> None:
    outcome, _, it = fetch(answer(503, retry_after="14"), timeout=10.0, max_attempts=9)
    assert isinstance(outcome, ApiError)
    assert it.clock.slept == [14.0, 14.0]
    assert it.codes == ["503"] * 3
