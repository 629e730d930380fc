"""The trace that the simulator replays, and how it is made of the public files."""

from __future__ import annotations

import gzip
from collections import Counter
from typing import Any

from exporter.models import SECOND
from exporter.simulator.excerpt import excerpt
from exporter.simulator.trace import Request, Service, Trace
from tests.clocks import START
from tests.worlds import MINUTE, TRACE


def test_trace_holds_both_services_in_the_order_of_arrival() -> None:
    offsets = [request.offset for request in TRACE.requests]

    assert Counter(request.service for request in TRACE.requests) == {Service.CONV: 19_366, Service.CODE: 8_819}
    assert offsets == sorted(offsets)
    assert 58 * MINUTE < offsets[-1] < TRACE.period < 60 * MINUTE


def test_trace_is_replayed_round_after_round_at_the_asked_speed() -> None:
    trace = Trace((Request(0, Service.CONV, 1, 1), Request(4 * SECOND, Service.CODE, 2, 2)), period=10 * SECOND)
    arrivals = trace.replay(START, speed=2.0)

    assert [next(arrivals).at - START for _ in range(5)] == [0, 2 * SECOND, 5 * SECOND, 7 * SECOND, 10 * SECOND]


def test_excerpt_merges_the_public_files_by_time(tmp_path: Any) -> None:
    header = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    conv, code = tmp_path / "conv.csv", tmp_path / "code.csv"
    conv.write_text(header + "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n")
    code.write_text(header + "2023-11-16 18:15:47.1805900,4808,10")

    lines = gzip.decompress(excerpt(conv, code)).decode().splitlines()

    assert lines == [
        "service,gap_ms,input_tokens,output_tokens",
        "conv,0,374,44",
        "code,500,4808,10",
        "conv,3814,396,109",
    ]
