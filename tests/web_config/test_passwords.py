"""Passwords as bcrypt itself compares them, also of a hash from exporter-toolkit's tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import bcrypt
import pytest

from exporter.web.passwords import Passwords

CAROL = "$2y$10$qRTBuFoULoYNA7AQ/F3ck.trZBPyjV64.oA4ZsSBCIWvXuvQlQTuu"


def right(stored: str, password: str | bytes, user: str = "scraper") -> bool:
    given = password.encode() if isinstance(password, str) else password
    return asyncio.run(Passwords().check({"scraper": stored}, user, given, "here"))


def hashed(password: bytes) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(4)).decode()


def test_a_hash_of_the_toolkit() -> None:
    assert right(CAROL, "carol123")
    assert not right(CAROL, "carol124")
    assert not right(CAROL, "carol123", user="mallory")


@pytest.mark.parametrize("variant", ["2a", "2b", "2y"])
def test_every_variant_of_the_prefix(variant: str) -> None:
    assert right(CAROL.replace("$2y$", f"${variant}$"), "carol123")


def test_only_72_bytes_count_as_in_go() -> None:
    stored = hashed(b"x" * 72)

    assert right(stored, b"x" * 72)
    assert right(stored, b"x" * 72 + b"anything")
    assert not right(stored, b"x" * 71)
    assert not right(stored, b"x" * 71 + b"y")


@pytest.mark.parametrize("password", [b"", b"\x00", b"a\x00b", "pässwörd".encode(), b"\xff\xfe"])
def test_odd_passwords(password: bytes) -> None:
    stored = hashed(password)

    assert right(stored, password)
    assert not right(stored, password + b"!")


def test_no_more_than_a_hundred_are_remembered() -> None:
    async def main() -> None:
        passwords = Passwords(lambda password, stored: True)
        users = {"scraper": CAROL}
        for number in range(150):
            assert await passwords.check(users, "scraper", b"%d" % number, "here")
        remembered = [number for number in range(150) if passwords.remembers(users, "scraper", b"%d" % number)]
        assert remembered == list(range(50, 150))

    asyncio.run(main())


def test_a_comparison_that_outlives_its_loop_harms_nobody() -> None:
    go, ended = threading.Event(), threading.Event()

    def slow(password: bytes, stored: bytes) -> bool:
        go.wait(10)
        threading.Timer(0, ended.set).start()
        return True

    async def main() -> None:
        task = asyncio.create_task(Passwords(slow).check({"scraper": CAROL}, "scraper", b"x", "here"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(main())
    go.set()
    assert ended.wait(10)


def test_a_comparison_that_fails_does_not_keep_the_next_waiting() -> None:
    answers: Iterator[Exception | bool] = iter([MemoryError("no memory"), True])

    def odd(password: bytes, stored: bytes) -> bool:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def main() -> None:
        passwords = Passwords(odd)
        with pytest.raises(MemoryError, match="no memory"):
            await passwords.check({"scraper": CAROL}, "scraper", b"x", "here")
        assert await passwords.check({"scraper": CAROL}, "scraper", b"x", "here")

    asyncio.run(main())
