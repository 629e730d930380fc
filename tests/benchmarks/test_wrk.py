"""What wrk prints is read right, and its errors are not overlooked."""

from __future__ import annotations

import pytest

from benchmarks import wrk
from benchmarks.subjects import SubjectError

SAID = """\
Running 1s test @ http://127.0.0.1:8099/
  1 threads and 1 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.38ms    0.93ms   7.33ms   87.17%
    Req/Sec   694.90    124.45     0.92k    60.00%
  Latency Distribution
     50%    {p50}
     75%    1.86ms
     90%    2.53ms
     99%    4.88ms
  {requests} requests in 1.01s, 1.50MB read
Requests/sec:    691.38
Transfer/sec:      1.07MB
"""


@pytest.mark.parametrize(("written", "seconds"), [("850.00us", 0.00085), ("1.50ms", 0.0015), ("3.83s ", 3.83)])
def test_percentiles_rate_and_size_are_read(written: str, seconds: float):
    load = wrk.parse(SAID.format(p50=written, requests=750))
    assert load is not None
    assert load.mean == pytest.approx(0.00138)
    assert load.p50 == pytest.approx(seconds)
    assert load.p99 == pytest.approx(0.00488)
    assert (load.requests, load.rate) == (750, 691.38)
    assert load.size == pytest.approx(1.5 * 1024**2 / 750)


def test_no_answer_at_all_is_no_figure():
    assert wrk.parse(SAID.format(p50="0.00us", requests=0)) is None


@pytest.mark.parametrize(
    "error",
    ["  Socket errors: connect 0, read 3, write 0, timeout 0", "  Non-2xx or 3xx responses: 750"],
)
def test_an_answer_that_is_none_is_an_error(error: str):
    with pytest.raises(SubjectError, match=error.strip()):
        wrk.parse(SAID.format(p50="1.00ms", requests=750) + error)
