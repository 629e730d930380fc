"""Scenarios, and the commands under /simulator that switch them, freeze the world and tell the truth."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from exporter.models import SECOND
from exporter.simulator import SCENARIOS
from exporter.simulator.app import create_app
from exporter.simulator.faults import Fault, Limits
from exporter.simulator.scenarios import HOSTILE
from tests.clocks import FakeClock
from tests.simulation import Simulation, simulation
from tests.worlds import aged, items_of, make_world

COMPLETIONS = "/openai/chat/completions"


def sum_of(totals: list[dict[str, Any]], name: str) -> int:
    return sum(int(each[name]) for each in totals)


def test_scenario_is_switched_while_running(sim: Simulation, clock: FakeClock) -> None:
    state = sim.control("POST", "/scenario/credit-burn").json()
    before = state["now_us"]
    clock.advance(300)
    totals = sim.control("GET", "/truth", since=before).json()["totals"]
    usual = sim.control("GET", "/truth", until=before).json()["totals"]

    def price(rows: list[dict[str, Any]]) -> float:
        return sum_of(rows, "microcredits") / sum_of(rows, "completions")

    assert state["scenario"] == "credit-burn"
    assert 10 < price(totals) / price(usual) < 40
    assert sim.control("POST", "/scenario/steady").json()["scenario"] == "steady"


def test_error_spike_strikes_one_skill(clock: FakeClock) -> None:
    with simulation(clock, scenario="error-spike", rate=1.0, history=0.0) as sim:
        clock.advance(1_800)
        totals = sim.control("GET", "/truth").json()["totals"]

    def ratio(skill: str) -> float:
        rows = [each for each in totals if each["source"] == "completions" and each["skill"] == skill]
        return sum_of([each for each in rows if each["status"] == "error"], "completions") / sum_of(rows, "completions")

    assert 0.35 < ratio("document.invoice") < 0.45
    assert ratio("none") < 0.03


def test_slow_low_token_strikes_short_answers_of_one_model() -> None:
    world = make_world()
    world.effects = SCENARIOS["slow-low-token"].effects
    aged(world, 30)

    def slow(model: str, brief: bool) -> float:
        chosen = [i for i in items_of(world) if i.model == model and ((i.output_tokens or 0) <= 128) is brief]
        return sum(item.duration > 15 * SECOND for item in chosen) / len(chosen)

    assert slow("vlmrun-orion-1:pro", brief=True) == 1
    assert slow("vlmrun-orion-1:pro", brief=False) < 0.2
    assert slow("vlmrun-orion-1:auto", brief=True) == 0


def test_outage_ends_with_the_backlog(clock: FakeClock) -> None:
    with simulation(clock, rate=1.0, limits=Limits(hang_seconds=1.0)) as sim:
        newest_before = sim.get(COMPLETIONS, order="desc")["data"][0]["created"]
        sim.control("POST", "/scenario/outage")
        codes = {sim.api.get(path).status_code for path in (COMPLETIONS, "/predictions", "/health") for _ in range(9)}
        hung = clock.slept.count(1.0)
        clock.advance(180)
        after = sim.get(COMPLETIONS, order="desc", limit=1000)["data"]

    assert codes == {503}
    assert 0 < hung < 27
    assert sum(each["created"] > newest_before for each in after) > 200


def test_hostile_has_every_fault_that_can_be_survived() -> None:
    assert set(Fault) - HOSTILE.keys() == {Fault.ANCHOR_EMPTY}


def test_hostile_server_breaks_only_as_it_is_told(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    outcomes: Counter[str] = Counter()
    paths = (COMPLETIONS, "/agent/executions", "/predictions")
    with simulation(clock, scenario="hostile", rate=1.0, history=0.0, limits=Limits(bomb_bytes=1 << 16)) as sim:
        for number in range(600):
            clock.advance(1)
            try:
                response = sim.api.get(paths[number % 3], params={"limit": 50})
                outcomes[str(response.status_code)] += 1
            except httpx.HTTPError as error:
                outcomes[type(error).__name__] += 1

    assert outcomes.keys() == {"200", "301", "429", "500", "502", "503", "ReadError", "RemoteProtocolError"}
    assert outcomes["200"] > 500
    assert caplog.text == ""


def test_scenario_and_fault_names_are_checked(sim: Simulation) -> None:
    scenario = sim.control("POST", "/scenario/doom")
    fault = sim.control("POST", "/fault/doom")
    probability = sim.control("POST", "/fault/late", probability=2)
    moment = sim.control("GET", "/truth", since="noon")

    assert {each.status_code for each in (scenario, fault, probability, moment)} == {400}
    assert scenario.json()["error"].startswith("unknown scenario 'doom'; allowed: steady, error-spike, ")
    assert fault.json()["error"].startswith("unknown fault 'doom'; allowed: tied, late, ")
    assert probability.json()["error"] == "fault late: probability 2.0 is not between 0 and 1"
    assert moment.json()["error"].startswith("since: Input should be a valid integer")


def test_frozen_simulator_can_be_compared_at_rest(sim: Simulation, clock: FakeClock) -> None:
    sim.control("POST", "/freeze")
    clock.advance(3_600)
    state = sim.control("GET", "").json()
    truth = sim.control("GET", "/truth").json()

    assert (state["frozen"], state["unsettled"], truth["unsettled"]) == (True, 0, 0)
    assert sum(each["completions"] for each in truth["totals"]) == sum(state["listed"].values()) == state["created"]
    assert sim.control("POST", "/thaw").json()["frozen"] is False


def test_control_is_for_this_machine_only(sim: Simulation) -> None:
    async def ask(host: str) -> int:
        transport = httpx.ASGITransport(create_app(sim.platform), client=(host, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as stranger:
            return (await stranger.get("/simulator")).status_code

    assert [asyncio.run(ask(host)) for host in ("127.0.0.1", "::1", "10.1.2.3")] == [200, 200, 403]
    disguised = {"x-forwarded-for": "10.1.2.3"}
    assert sim.api.get(sim.base_url.removesuffix("/v1") + "/simulator", headers=disguised).status_code == 200
