"""Faults that strike a response: late, cut, refused, or a success in name only."""

from __future__ import annotations

import gzip
import json

import httpx
import pytest

from exporter.simulator.faults import Fault
from tests.clocks import FakeClock
from tests.simulation import Simulation, simulation

COMPLETIONS = "/openai/chat/completions"


def switch(sim: Simulation, fault: Fault, probability: float = 1.0) -> None:
    sim.control("POST", f"/fault/{fault}", probability=probability).raise_for_status()


def test_frozen_page_is_shown_again_for_a_time(sim: Simulation, clock: FakeClock) -> None:
    def top() -> str:
        first: str = sim.get(COMPLETIONS, order="desc")["first_id"]
        return first

    switch(sim, Fault.FROZEN)
    first = top()
    clock.advance(30)
    assert top() == first
    clock.advance(1)
    assert top() != first


def test_truncated_json_arrives_as_a_success(sim: Simulation) -> None:
    switch(sim, Fault.TRUNCATED_JSON)
    response = sim.api.get(COMPLETIONS)

    assert response.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_html_arrives_as_a_success(sim: Simulation) -> None:
    switch(sim, Fault.HTML)
    response = sim.api.get(COMPLETIONS)

    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_error_object_arrives_as_a_success(sim: Simulation) -> None:
    switch(sim, Fault.ERROR_OBJECT)
    response = sim.api.get("/predictions")

    assert (response.status_code, response.json()["error"]["message"]) == (200, "try again")


def test_gzip_bomb_is_small_until_it_is_unpacked(sim: Simulation) -> None:
    switch(sim, Fault.GZIP_BOMB)
    with sim.api.stream("GET", "/predictions") as response:
        packed = b"".join(response.iter_raw())

    assert len(packed) < 1 << 17
    assert len(gzip.decompress(packed)) == 64 << 20


def test_slow_answers_and_dripping_bodies_take_their_time(sim: Simulation, clock: FakeClock) -> None:
    expected = sim.get(COMPLETIONS)
    switch(sim, Fault.SLOW)
    assert sim.get(COMPLETIONS) == expected
    assert clock.slept == [3.0]

    switch(sim, Fault.SLOW, 0)
    switch(sim, Fault.DRIP)
    clock.slept.clear()
    response = sim.api.get(COMPLETIONS)
    assert response.status_code == 200
    assert sum(clock.slept) == pytest.approx(3.0)


def test_hanging_request_is_not_answered_for_a_minute(sim: Simulation, clock: FakeClock) -> None:
    switch(sim, Fault.HANG)

    assert sim.api.get("/predictions").status_code == 503
    assert clock.slept == [60.0]


def test_reset_comes_in_place_of_an_answer(sim: Simulation) -> None:
    switch(sim, Fault.RESET)
    with pytest.raises(httpx.ReadError) as caught:
        sim.api.get("/predictions")

    assert "reset" in str(caught.value).lower()


def test_cut_connection_ends_within_the_body(sim: Simulation) -> None:
    switch(sim, Fault.CUT)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        sim.api.get("/predictions")


def test_server_errors_are_of_several_kinds(sim: Simulation) -> None:
    switch(sim, Fault.SERVER_ERROR)

    assert {sim.api.get("/predictions").status_code for _ in range(40)} == {500, 502, 503}


def test_rate_limit_comes_with_seconds_a_date_or_nothing(sim: Simulation) -> None:
    switch(sim, Fault.RATE_LIMITED)
    responses = [sim.api.get("/predictions") for _ in range(40)]

    assert {response.status_code for response in responses} == {429}
    assert {response.headers.get("retry-after") for response in responses} == {
        "2",
        "Thu, 01 Jan 2026 00:00:02 GMT",
        None,
    }


def test_redirect_leads_to_another_host(sim: Simulation) -> None:
    switch(sim, Fault.REDIRECT)
    response = sim.api.get("/predictions")

    assert (response.status_code, response.headers["location"]) == (301, "https://elsewhere.invalid/v1/predictions")


def test_bad_rows_reach_the_wire_as_they_are(clock: FakeClock) -> None:
    with simulation(clock, rate=1.0, history=0.0) as sim:
        switch(sim, Fault.BAD_ROW)
        clock.advance(600)
        body = sim.api.get(COMPLETIONS, params={"limit": 1000}).text

    assert '"created":NaN' in body
    assert ",null," in body or "[null," in body
