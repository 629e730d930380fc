"""Token buckets on a clock that is moved by hand."""

from __future__ import annotations

from exporter.web.throttle import Throttle, TokenBucket
from tests.clocks import FakeClock


def test_a_bucket_fills_up_to_its_burst() -> None:
    clock = FakeClock()
    bucket = TokenBucket(2.0, 3, clock.monotonic)

    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    assert bucket.wait() == 2
    clock.advance(1.5)
    assert (bucket.take(), bucket.wait()) == (False, 1)
    clock.advance(0.5)
    assert (bucket.take(), bucket.take()) == (True, False)
    clock.advance(1000)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_what_is_given_back_never_exceeds_the_burst() -> None:
    bucket = TokenBucket(1.0, 1, FakeClock().monotonic)

    bucket.give_back()

    assert [bucket.take(), bucket.take()] == [True, False]


def test_each_origin_has_a_bucket_of_its_own() -> None:
    clock = FakeClock()
    throttle = Throttle(clock.monotonic)

    assert [throttle.take("192.0.2.1") for _ in range(11)] == [0] * 10 + [1]
    assert throttle.take("192.0.2.2") == 0
    throttle.give_back("192.0.2.1")
    assert [throttle.take("192.0.2.1") for _ in range(2)] == [0, 1]
    clock.advance(2)
    assert [throttle.take("192.0.2.1") for _ in range(3)] == [0, 0, 1]
