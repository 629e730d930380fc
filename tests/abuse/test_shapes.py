"""Every odd request gets the answer it should, from a real daemon, and no second one."""

from __future__ import annotations

import asyncio

import pytest

from tests.abuse import shapes
from tests.abuse.attacks import send
from tests.abuse.shapes import Shape
from tests.abuse.subject import Subject
from tests.abuse.wire import connected

RELOADED_AT = "vlmrun_exporter_config_last_reload_success_timestamp_seconds"


def named(found: tuple[Shape, ...]) -> list[object]:
    return [pytest.param(shape, id=shape.name) for shape in found]


@pytest.mark.parametrize("shape", named(tuple(shape for group in shapes.ALL.values() for shape in group)))
def test_an_odd_request_gets_its_answer(shape: Shape, target: Subject) -> None:
    assert asyncio.run(send(shape, target.port)) in shape.answers


@pytest.mark.parametrize("shape", named(shapes.SMUGGLING + shapes.GARBAGE))
def test_nothing_behind_a_refused_request_is_answered(shape: Shape, target: Subject) -> None:
    async def everything() -> bytes:
        async with connected(target.port) as wire:
            await wire.send(shape.data)
            return await wire.rest()

    assert asyncio.run(everything()).count(b"HTTP/1.1 ") == 1


def test_odd_requests_neither_reload_nor_fail_anything_nor_fill_the_log(target: Subject) -> None:
    before, reloaded = target.read(), target.scrape().value(RELOADED_AT)
    for group in shapes.ALL.values():
        for shape in group:
            asyncio.run(send(shape, target.port))
    after = target.settled(before)
    assert target.scrape().value(RELOADED_AT) == reloaded
    assert after.failures == before.failures
    assert after.log_lines == before.log_lines
    assert set(after.refused) <= {"bad_request", "headers_too_large", "body_too_large"}
