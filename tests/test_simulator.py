from __future__ import annotations

import asyncio
import gzip
import json
import math
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import Any

import httpx
import pytest

from exporter.models import MICRO, NO_SKILL, SECOND, UNKNOWN_MODEL, Status
from exporter.simulator import SCENARIOS, SimulatorOptions
from exporter.simulator import run as run_simulator
from exporter.simulator.afflictions import HOSTILE_LABELS
from exporter.simulator.app import create_app
from exporter.simulator.excerpt import excerpt
from exporter.simulator.faults import Fault, Faults, Limits
from exporter.simulator.items import Item, Source
from exporter.simulator.listing import CursorQuery, Lister, SkipTooLarge, UnknownAnchor
from exporter.simulator.platform import Platform
from exporter.simulator.render import row
from exporter.simulator.scenarios import HOSTILE
from exporter.simulator.server import serve
from exporter.simulator.trace import Request, Service, Trace, load
from exporter.simulator.truth import Key, Total
from exporter.simulator.workload import Effects, Workload
from exporter.simulator.world import World
from tests.clocks import START, FakeClock
from tests.simulation import Simulation, simulation

MINUTE = 60 * SECOND
COMPLETIONS = "/openai/chat/completions"
TRACE = load()


def make_world(
    faults: Mapping[Fault, float] | None = None, *, seed: int = 1, limits: Limits | None = None, **options: Any
) -> World:
    return World(TRACE, Workload(seed), Faults(faults), start=START, limits=limits or Limits(), **options)


def aged(world: World, minutes: float = 10) -> World:
    world.advance(START + round(minutes * MINUTE))
    return world


def lister(world: World, faults: dict[Fault, float] | None = None, limits: Limits | None = None) -> Lister:
    return Lister(world, Faults(faults), limits or Limits(), Random(1))


def newest(limit: int = 50, after: str | None = None) -> CursorQuery:
    return CursorQuery(after, limit, newest_first=True, model=None, metadata={})


def items_of(world: World, source: Source = Source.COMPLETIONS) -> list[Item]:
    return list(world.rows(source))


def everything(world: World) -> list[Item]:
    return [item for source in Source for item in world.rows(source)]


# ---------------------------------------------------------------------------------------------------- trace


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


# ------------------------------------------------------------------------------------------------- workload


def test_one_seed_makes_one_world_however_it_is_advanced() -> None:
    at_once, in_steps, other = make_world(HOSTILE), make_world(HOSTILE), make_world(HOSTILE, seed=2)
    for minute in range(0, 31):
        in_steps.advance(START + minute * MINUTE)

    assert everything(aged(at_once, 30)) == everything(in_steps)
    assert at_once.truth().as_json() == in_steps.truth().as_json()
    assert everything(aged(other, 30)) != everything(at_once)


@pytest.mark.parametrize("rate", [0.2, 2.5])
def test_rate_scales_the_number_of_items(rate: float) -> None:
    assert aged(make_world(rate=rate)).born == pytest.approx(aged(make_world()).born * rate, rel=0.05)


def test_speed_brings_the_same_items_sooner() -> None:
    slow, fast = aged(make_world(), 9), aged(make_world(speed=3.0), 3)

    assert slow.born == fast.born


def test_workload_is_plausible() -> None:
    world = aged(make_world(), 60)
    completions = items_of(world)
    shares = Counter(item.source for item in everything(world))
    errors = sum(item.status is Status.ERROR for item in everything(world)) / world.born
    brief = [item for item in completions if item.output_tokens is not None and item.output_tokens <= 128]

    assert shares[Source.COMPLETIONS] > 5 * shares[Source.REQUESTS] > 5 * shares[Source.EXECUTIONS] > 0
    assert 0.005 < errors < 0.02
    assert all(0 < (item.time_to_first_token or 0) < item.duration for item in completions)
    assert any((item.credits or 0) % MICRO for item in completions)
    assert sum(item.duration > 10 * SECOND for item in brief) < len(brief) / 100
    for source in (Source.EXECUTIONS, Source.REQUESTS):
        assert not any((item.credits or 0) % MICRO for item in items_of(world, source))


def test_completions_appear_when_they_finish_under_the_second_in_which_they_began() -> None:
    world = make_world()
    seen: dict[str, int] = {}
    for second in range(120):
        now = START + second * SECOND
        world.advance(now)
        for item in items_of(world):
            seen.setdefault(item.id, now)
            assert item.finished <= now

    assert all(item.created == item.started // SECOND * SECOND for item in items_of(world))
    assert all(0 <= seen[item.id] - item.finished < SECOND for item in items_of(world))


def test_jobs_pass_from_queued_over_running_to_their_end() -> None:
    world = make_world()
    passed: dict[str, list[str]] = {}
    for step in range(600):
        world.advance(START + step * SECOND // 5)
        for source in (Source.EXECUTIONS, Source.REQUESTS):
            for item in world.rows(source):
                statuses = passed.setdefault(item.id, [])
                shown = row(item, world.now)["status"]
                if statuses[-1:] != [shown]:
                    statuses.append(shown)

    finished = [statuses for statuses in passed.values() if statuses[-1] in ("completed", "failed")]
    assert ["enqueued", "pending", "running", "completed"] in finished
    life = ("enqueued", "pending", "running", "completed", "failed")
    assert all(statuses == sorted(statuses, key=life.index) for statuses in finished)


# ---------------------------------------------------------------------------------------------------- truth


@pytest.mark.parametrize("name", SCENARIOS)
def test_truth_is_what_a_tireless_observer_counts(name: str) -> None:
    world = make_world(dict(SCENARIOS[name].faults), limits=Limits(exposure_seconds=10, late_seconds=60))
    world.effects = SCENARIOS[name].effects
    counted: dict[str, Key] = {}
    totals: dict[Key, Total] = {}
    for second in range(0, 600, 2):
        world.advance(START + second * SECOND)
        for item in everything(world):
            if item.finished <= world.now and not item.is_garbage and item.id not in counted:
                key = Key(item.source, item.model or UNKNOWN_MODEL, item.skill or NO_SKILL, item.status)
                counted[item.id] = key
                totals.setdefault(key, Total()).add(item)

    truth = world.truth()
    assert truth.totals == totals
    assert (
        sum(total.completions for total in totals.values()) + truth.unsettled + truth.lost + truth.bad_rows
        == world.born
    )


def test_truth_can_begin_and_end_at_any_time() -> None:
    world = aged(make_world(), 20)
    middle = START + 10 * MINUTE

    late = world.truth(since=middle)
    early = world.truth(until=middle)

    assert sum(t.completions for t in late.totals.values()) == sum(
        item.created > middle and item.settled_at <= world.now for item in everything(world)
    )
    assert sum(t.completions for t in early.totals.values()) == sum(i.settled_at <= middle for i in everything(world))


def test_forgetting_old_items_keeps_their_sums() -> None:
    hoarder, forgetful = make_world(HOSTILE), make_world(HOSTILE, keep=500)
    for minute in range(0, 31, 5):
        hoarder.advance(START + minute * MINUTE)
        forgetful.advance(START + minute * MINUTE)

    assert forgetful.truth().totals == hoarder.truth().totals
    assert len(everything(forgetful)) < 8_000 < len(everything(hoarder))
    assert forgetful.truth(since=forgetful.now).totals == {}
    with pytest.raises(ValueError, match="kept as sums only: ask for a later time"):
        forgetful.truth(since=START)
    with pytest.raises(ValueError, match="kept as sums only: ask for a later time"):
        forgetful.truth(until=START + MINUTE)


def test_frozen_world_comes_to_rest_and_goes_on_where_it_stopped() -> None:
    world = aged(make_world())
    world.freeze()
    born = world.born
    world.advance(world.now + 60 * MINUTE)

    assert world.frozen
    assert (world.born, world.unsettled) == (born, 0)

    world.thaw()
    resumed = world.now
    world.advance(resumed + MINUTE)
    assert world.born > born
    assert all(item.started >= resumed for item in everything(world) if item.sequence > born)


def test_clock_that_steps_back_changes_nothing() -> None:
    world = aged(make_world())
    before = everything(world)
    world.advance(START)

    assert (world.now, everything(world)) == (START + 10 * MINUTE, before)


def test_deleted_row_leaves_the_list_and_stays_in_the_truth() -> None:
    world = aged(make_world())
    world.freeze()
    world.advance(world.now + 60 * MINUTE)
    before = world.truth()
    victim = items_of(world)[7]
    world.advance(world.now + SECOND)
    world.delete(victim.id)

    assert world.find(victim.id) is None
    assert victim not in items_of(world)
    assert (world.truth().totals, world.truth().deleted) == (before.totals, 1)


def test_amended_row_shows_its_new_credits_and_counts_with_the_old() -> None:
    world = aged(make_world())
    before = world.truth()
    item = items_of(world)[7]
    world.amend(item.id, 5 * MICRO)

    assert row(item, world.now)["usage"]["credits_used"] == 5.0
    assert (world.truth().totals, world.truth().amended) == (before.totals, 1)


# --------------------------------------------------------------------------------- faults that strike items


def struck(fault: Fault, probability: float = 1.0, limits: Limits | None = None, minutes: float = 10) -> World:
    return aged(make_world({fault: probability}, limits=limits), minutes)


def test_tied_rows_share_their_creation_time() -> None:
    counts = Counter(item.created for item in items_of(struck(Fault.TIED)))

    assert all(created % (10 * SECOND) == 0 for created in counts)
    assert max(counts.values()) > 50


def test_late_rows_appear_within_the_bound() -> None:
    world = struck(Fault.LATE, limits=Limits(late_seconds=300), minutes=30)
    delays = [item.visible - item.created for item in items_of(world)]

    assert sum(delay > MINUTE for delay in delays) > len(delays) / 2
    assert max(delays) <= 300 * SECOND
    assert all(item.visible <= world.now for item in items_of(world))


def test_deleted_rows_were_listed_for_a_while_before() -> None:
    world = struck(Fault.DELETED, 0.5, Limits(exposure_seconds=30), minutes=30)
    doomed = [item for item in everything(world) if item.deleted is not None]
    truth = world.truth()

    assert truth.deleted > 1_000
    assert doomed
    assert all(30 * SECOND <= (item.deleted or 0) - item.settled_at <= MINUTE for item in doomed)
    assert truth.lost == 0


def test_long_pending_work_takes_its_time_with_a_pause() -> None:
    world = struck(Fault.LONG_PENDING)
    jobs = items_of(world, Source.EXECUTIONS)
    shown = Counter(row(item, world.now)["status"] for item in jobs)

    assert all(item.duration > 36 * SECOND for item in jobs)
    assert {"paused", "running", "completed"} <= shown.keys()


def test_pending_rows_that_are_deleted_never_settle() -> None:
    truth = struck(Fault.PENDING_DELETED).truth()

    assert truth.lost > 100
    assert {key.source for key in truth.totals} == {Source.COMPLETIONS}


def test_amended_rows_change_after_they_were_listed_for_a_while() -> None:
    world = struck(Fault.AMENDED, limits=Limits(exposure_seconds=30))
    item = items_of(world)[0]
    assert item.amended is not None

    before, after = (row(item, at)["usage"]["credits_used"] for at in (item.amended - 1, item.amended))

    assert item.amended >= item.settled_at + 30 * SECOND
    assert before == (item.credits or 0) / MICRO < after
    assert world.truth().amended > 1_000


def test_missing_values_are_null_and_add_nothing_to_the_truth() -> None:
    world = struck(Fault.MISSING_VALUES)
    rows = [row(item, world.now) for item in items_of(world)]
    totals = world.truth().totals.values()

    assert {None} < {each["usage"]["prompt_tokens"] for each in rows}
    assert {None} < {each["model"] for each in rows}
    assert sum(t.input_tokens for t in totals) == sum(each["usage"]["prompt_tokens"] or 0 for each in rows)
    assert all(row(item, world.now)["name"] for item in items_of(world, Source.EXECUTIONS))


def test_bad_rows_come_beside_the_good_ones_and_outside_the_truth() -> None:
    clean, spoilt = aged(make_world()), struck(Fault.BAD_ROW)
    bad = [item.garbage for item in everything(spoilt) if item.is_garbage]
    objects = [each for each in bad if isinstance(each, dict)]

    assert spoilt.truth().totals == clean.truth().totals
    assert any(not isinstance(each, dict) for each in bad)
    assert any("id" not in each for each in objects)
    assert any(each.get("status") == "teleported" for each in objects)
    assert any(each["usage"]["credits_used"] == 10**400 for each in objects)
    times = [each.get("created", each.get("created_at")) for each in objects]
    assert {-1, None, "yesterday"} <= {time for time in times if not isinstance(time, list)}
    assert any(isinstance(time, float) and math.isnan(time) for time in times)


def test_timestamp_styles_all_mean_the_same_moment() -> None:
    world = struck(Fault.TIMESTAMP_STYLES)
    shown = [(item, row(item, world.now)["created_at"]) for item in items_of(world, Source.REQUESTS)]

    assert {text[-1:] == "Z" for _, text in shown} == {True, False}
    assert any(text.endswith("+05:30") for _, text in shown)
    for item, text in shown:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        assert round(moment.timestamp() * SECOND) == item.created


def test_hostile_labels_are_part_of_the_truth_as_they_are() -> None:
    keys = struck(Fault.HOSTILE_LABELS).truth().totals

    assert {key.skill for key in keys} >= set(HOSTILE_LABELS)
    assert {key.model for key in keys} >= set(HOSTILE_LABELS)


# ------------------------------------------------------------------------------- faults that strike a page


@pytest.fixture(scope="module")
def calm() -> World:
    return aged(make_world(), 30)


def walk(pages: Lister, limit: int) -> list[Item]:
    seen: list[Item] = []
    while True:
        page = pages.by_cursor(newest(limit, seen[-1].id if seen else None))
        seen += page.items
        if not page.has_more:
            return seen


def test_pages_without_faults_show_every_row_once(calm: World) -> None:
    offset = [item for skip in range(0, 2_000, 7) for item in lister(calm).by_offset(Source.REQUESTS, skip, 7).items]

    assert walk(lister(calm), 97) == items_of(calm)[::-1]
    assert offset == items_of(calm, Source.REQUESTS)[::-1]


def test_shuffled_ties_change_order_only_within_one_creation_time() -> None:
    world = struck(Fault.TIED)
    pages = lister(world, {Fault.SHUFFLED_TIES: 1})
    anchor = items_of(world)[-100]
    looks = [
        [pages.by_cursor(newest(200)).items for _ in range(5)],
        [pages.by_cursor(newest(200, anchor.id)).items for _ in range(5)],
        [pages.by_offset(Source.REQUESTS, 3, 200).items for _ in range(5)],
    ]

    for five in looks:
        assert len({tuple(item.id for item in look) for look in five}) == 5
        for look in five:
            times = [item.created for item in look]
            assert times == sorted(times, reverse=True)
            assert len({item.id for item in look}) == 200
    assert all(item.created <= anchor.created for look in looks[1] for item in look)


def test_omitted_rows_are_young(calm: World) -> None:
    pages = lister(calm, {Fault.ROWS_OMITTED: 1})
    shown = walk(pages, 1_000)
    assert shown == [item for item in items_of(calm)[::-1] if calm.now - item.visible >= 60 * SECOND]

    for_ever = lister(calm, {Fault.ROWS_OMITTED: 0.1}, Limits(omitted_seconds=math.inf))
    assert 800 < len(for_ever.by_offset(Source.REQUESTS, 0, 1_000).items) < 980


def test_ignored_order_shows_the_oldest_first(calm: World) -> None:
    pages = lister(calm, {Fault.ORDER_IGNORED: 1})

    assert pages.by_cursor(newest(9)).items == items_of(calm)[:9]
    assert pages.by_offset(Source.REQUESTS, 0, 9).items == items_of(calm, Source.REQUESTS)[:9]


def test_disordered_page_has_two_rows_exchanged(calm: World) -> None:
    page = lister(calm, {Fault.DISORDERED: 1}).by_cursor(newest(9)).items
    right = items_of(calm)[::-1][:9]

    assert sum(one is not other for one, other in zip(page, right, strict=True)) == 2


def test_clamped_limit_returns_fewer_rows_than_asked_for(calm: World) -> None:
    page = lister(calm, {Fault.LIMIT_CLAMPED: 1}).by_cursor(newest(500))

    assert (page.items, page.has_more) == (items_of(calm)[::-1][:20], True)


def test_has_more_lies_both_ways(calm: World) -> None:
    pages = lister(calm, {Fault.HAS_MORE_LIES: 1})

    assert pages.by_cursor(newest(9)).has_more is False
    assert pages.by_cursor(newest(9, items_of(calm)[0].id)).has_more is True


def test_ignored_cursor_repeats_the_first_page(calm: World) -> None:
    pages = lister(calm, {Fault.CURSOR_IGNORED: 1})

    assert pages.by_cursor(newest(9, items_of(calm)[0].id)) == pages.by_cursor(newest(9))


def test_anchor_can_be_gone_or_lead_nowhere(calm: World) -> None:
    anchor = items_of(calm)[-9].id

    assert lister(calm).by_cursor(newest(9, anchor)).items
    with pytest.raises(UnknownAnchor):
        lister(calm, {Fault.ANCHOR_GONE: 1}).by_cursor(newest(9, anchor))
    assert lister(calm, {Fault.ANCHOR_EMPTY: 1}).by_cursor(newest(9, anchor)).items == []
    with pytest.raises(UnknownAnchor):
        lister(calm).by_cursor(newest(9, items_of(calm, Source.REQUESTS)[0].id))


def test_skip_is_capped(calm: World) -> None:
    pages = lister(calm, {Fault.SKIP_CAPPED: 1})

    assert pages.by_offset(Source.REQUESTS, 1_000, 9).items
    with pytest.raises(SkipTooLarge, match="skip must not exceed 1000"):
        pages.by_offset(Source.REQUESTS, 1_001, 9)


def test_probability_must_be_one() -> None:
    with pytest.raises(ValueError, match=r"fault late: probability 1\.5 is not between 0 and 1"):
        Faults({Fault.LATE: 1.5})


# ----------------------------------------------------------------------------------------------------- HTTP


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sim(clock: FakeClock) -> Iterator[Simulation]:
    with simulation(clock, rate=1.0, history=600.0) as running:
        yield running


def switch(sim: Simulation, fault: Fault, probability: float = 1.0) -> None:
    sim.control("POST", f"/fault/{fault}", probability=probability).raise_for_status()


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


# ------------------------------------------------------------------------------------ scenarios and control


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


# ---------------------------------------------------------------------------- faults that strike a response


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


# --------------------------------------------------------------------------------------------------- server


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scenario": "doom"}, "unknown scenario 'doom'; allowed: steady, "),
        ({"speed": 0}, "simulator: speed must not be 0"),
        ({"rate": -1}, "simulator: rate must not be -1"),
        ({"history": -1}, "simulator: history must not be -1"),
        ({"rate_limit_per_minute": -1}, "simulator: rate_limit_per_minute must not be -1"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SimulatorOptions(**options)


def test_run_says_where_it_listens_and_ends_when_told(clock: FakeClock) -> None:
    async def main() -> str:
        stop = asyncio.Event()
        url = asyncio.get_running_loop().create_future()
        options = SimulatorOptions(host="0.0.0.0", port=0, history=0.0)
        task = asyncio.create_task(run_simulator(options, clock, stop, url.set_result))
        base_url: str = await url
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{base_url}/health")).status_code == 200
        stop.set()
        await task
        return base_url

    assert asyncio.run(main()).startswith("http://127.0.0.1:")


def test_stopping_waits_for_nobody() -> None:
    class Standstill(FakeClock):
        def __init__(self) -> None:
            super().__init__()
            self.asleep = asyncio.Event()

        async def sleep(self, seconds: float) -> None:
            self.asleep.set()
            await asyncio.Event().wait()

    async def main() -> int:
        clock, stop = Standstill(), asyncio.Event()
        url = asyncio.get_running_loop().create_future()
        platform = Platform(SimulatorOptions(history=0.0), clock)
        platform.faults.set(Fault.HANG, 1)
        server = asyncio.create_task(serve(platform, "127.0.0.1", 0, stop, url.set_result))
        async with httpx.AsyncClient(base_url=await url, trust_env=False) as client:
            hanging = asyncio.create_task(client.get("/health"))
            await clock.asleep.wait()
            stop.set()
            await server
            return (await hanging).status_code

    assert asyncio.run(main()) == 503


def test_taken_port_is_named(clock: FakeClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = SimulatorOptions(port=port, history=0.0)
        with pytest.raises(OSError, match=f"the simulator can't listen on 127.0.0.1 port {port}: "):
            asyncio.run(run_simulator(options, clock, asyncio.Event()))


def test_history_is_ordinary_and_reaches_back(clock: FakeClock) -> None:
    platform = Platform(SimulatorOptions(scenario="credit-burn", history=1_800.0, rate=1.0), clock)
    ages = [START - item.created for item in platform.world.rows(Source.COMPLETIONS)]

    assert 29 * MINUTE < max(ages) <= 30 * MINUTE + SECOND
    assert platform.world.effects == Effects(credit_factor=20)
    assert sum(item.credits or 0 for item in platform.world.rows(Source.COMPLETIONS)) / len(ages) < 2 * MICRO
