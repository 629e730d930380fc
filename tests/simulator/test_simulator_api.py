"""The API that the simulator stands in for: its lists, parameters, keys, feedback and request limit."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from exporter.models import SECOND
from exporter.simulator.items import Source
from tests.clocks import START, FakeClock
from tests.simulation import Simulation, simulation

COMPLETIONS = "/openai/chat/completions"


def test_completions_come_in_openais_envelope(sim: Simulation) -> None:
    page = sim.get(COMPLETIONS, limit=3, order="desc")
    rows = page["data"]

    assert {name: page[name] for name in page if name != "data"} == {
        "object": "list",
        "first_id": rows[0]["id"],
        "last_id": rows[2]["id"],
        "has_more": True,
    }
    assert rows[0]["created"] >= rows[1]["created"] >= rows[2]["created"] > sim.get(COMPLETIONS)["data"][0]["created"]
    assert len(sim.get(COMPLETIONS)["data"]) == 20
    assert sim.get(f"{COMPLETIONS}/{rows[0]['id']}") == rows[0]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_cursor_walks_the_whole_list_in_either_order(sim: Simulation, order: str) -> None:
    ids: list[str] = []
    params: dict[str, Any] = {"limit": 1000, "order": order}
    while True:
        page = sim.get(COMPLETIONS, **params)
        ids += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            break
        params["after"] = page["last_id"]

    listed = [item.id for item in sim.platform.world.rows(Source.COMPLETIONS)]
    assert ids == (listed if order == "asc" else listed[::-1])


def test_completions_are_filtered_by_model_and_metadata(sim: Simulation) -> None:
    params = {"model": "vlmrun-orion-1:pro", "metadata[environment]": "staging", "limit": 1000}
    rows = sim.get(COMPLETIONS, **params)["data"]
    rest = sim.get(COMPLETIONS, **params, after=rows[4]["id"])["data"]

    assert {(each["model"], each["metadata"]["environment"]) for each in rows} == {("vlmrun-orion-1:pro", "staging")}
    assert rest == rows[5:]
    assert sim.get(COMPLETIONS, **{"metadata[environment]": "moon"})["data"] == []


@pytest.mark.parametrize(("path", "name"), [("/agent/executions", "name"), ("/predictions", "domain")])
def test_offset_lists_are_bare_newest_first_and_ten_long(sim: Simulation, path: str, name: str) -> None:
    rows = sim.get(path)

    assert len(rows) == 10
    assert [each["created_at"] for each in rows] == sorted((each["created_at"] for each in rows), reverse=True)
    assert rows[3:6] == sim.get(path, skip=3, limit=3)
    assert rows[0] == sim.get(f"{path}/{rows[0]['id']}")
    assert all(name in each for each in rows)
    assert {type(each["usage"]["credits_used"]) for each in sim.get(path, limit=1000)} <= {int, type(None)}


@pytest.mark.parametrize(
    ("path", "params", "problem"),
    [
        ("/predictions", {"limit": "0"}, ("greater_than_equal", "limit", "greater than or equal to 1")),
        ("/predictions", {"limit": "1001"}, ("less_than_equal", "limit", "less than or equal to 1000")),
        ("/agent/executions", {"skip": "-1"}, ("greater_than_equal", "skip", "greater than or equal to 0")),
        ("/agent/executions", {"skip": "1_0"}, ("int_parsing", "skip", "valid integer")),
        (COMPLETIONS, {"order": "up"}, ("literal_error", "order", "'asc' or 'desc'")),
        (COMPLETIONS, {"limit": "ten"}, ("int_parsing", "limit", "valid integer")),
    ],
)
def test_bad_parameters_are_refused_in_the_frameworks_words(
    sim: Simulation, path: str, params: dict[str, str], problem: tuple[str, str, str]
) -> None:
    response = sim.api.get(path, params=params)
    kind, name, words = problem
    [detail] = response.json()["detail"]

    assert response.status_code == 422
    assert (detail["type"], detail["loc"], detail["input"]) == (kind, ["query", name], params[name])
    assert words in detail["msg"]


def test_unknown_ids_are_not_found(sim: Simulation) -> None:
    after = sim.api.get(COMPLETIONS, params={"after": "chatcmpl-gone"})

    assert (after.status_code, after.json()["error"]["code"]) == (404, "completion_not_found")
    assert sim.api.get(f"{COMPLETIONS}/nope").json()["error"]["param"] == "id"
    assert sim.api.get("/predictions/nope").json() == {"detail": "Nothing found with id nope"}
    assert sim.api.get("/nowhere").json() == {"detail": "Not Found"}
    assert sim.api.post(COMPLETIONS).status_code == 405


def test_key_is_needed_except_for_health(sim: Simulation) -> None:
    for path in (COMPLETIONS, "/predictions", "/agent/executions", "/feedback/x"):
        for header in ("", "Bearer", "Bearer wrong", "Basic simulator"):
            response = sim.api.get(path, headers={"authorization": header})
            assert (response.status_code, response.json()) == (401, {"detail": "Invalid API Key"})
    for path in ("/health", "/openai/health"):
        assert sim.api.get(path, headers={"authorization": ""}).json() == {"status": "ok"}


def test_keys_can_be_rotated_while_running(sim: Simulation) -> None:
    url = sim.base_url.removesuffix("/v1") + "/simulator/keys"

    assert sim.api.put(url, json={"api_keys": ["next"]}).json() == {"api_keys": 1}
    assert sim.api.get("/predictions").status_code == 401
    assert sim.api.get("/predictions", headers={"authorization": "Bearer next"}).status_code == 200
    for body in (b"[]", b"{", b'{"api_keys": [1]}'):
        assert sim.api.put(url, content=body).status_code == 400


def test_request_limit_is_one_of_any_minute(clock: FakeClock) -> None:
    with simulation(clock, rate_limit_per_minute=2) as sim:
        assert sim.api.get("/predictions").status_code == 200
        clock.advance(20)
        assert sim.api.get("/predictions").status_code == 200
        clock.advance(20)
        refused = sim.api.get("/predictions")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "20")
        assert sim.api.get("/health").status_code == 200
        clock.advance(20)
        assert [sim.api.get("/predictions").status_code for _ in range(2)] == [200, 429]


def test_feedback_is_kept_and_paged(sim: Simulation) -> None:
    target = sim.get("/predictions")[0]["id"]
    for number in range(3):
        body = {"request_id": target, "response": {"score": number}, "notes": f"note {number}"}
        given = sim.api.post("/feedback/submit", json=body).json()
        assert given.keys() == {"id", "request_id", "created_at"}

    page = sim.get(f"/feedback/{target}", limit=2, offset=1)

    assert page["request_id"] == target
    assert [item["response"] for item in page["items"]] == [{"score": 1}, {"score": 2}]
    assert sim.api.post("/feedback/submit", json={"request_id": "nope"}).status_code == 404
    assert sim.api.post("/feedback/submit", content=b"{").status_code == 422


def test_bodies_are_compressed_for_clients_that_take_it(sim: Simulation) -> None:
    packed = sim.api.get(COMPLETIONS)
    plain = sim.api.get(COMPLETIONS, headers={"accept-encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()


def test_date_and_rows_follow_the_servers_clock(clock: FakeClock) -> None:
    with simulation(clock, skew=3_600.0, rate=1.0) as sim:
        clock.advance(90)
        response = sim.api.get("/predictions")

    [date] = response.headers.get_list("date")
    assert parsedate_to_datetime(date).timestamp() == START // SECOND + 3_690
    newest_row = datetime.fromisoformat(response.json()[0]["created_at"]).timestamp()
    assert 3_600 < newest_row - START // SECOND <= 3_690
