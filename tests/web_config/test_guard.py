"""Credentials: who gets in, what being refused costs, and that it tells nothing. Hashes are counted, not timed."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import pytest

from exporter.config import RateLimit, WebConfig
from exporter.web.access import Access
from exporter.web.app import create_app
from exporter.web.guard import Denial, Guard
from exporter.web.passwords import Passwords
from tests.backends import FakeBackend
from tests.clocks import FakeClock

ALICE = "$2y$10$qRTBuFoULoYNA7AQ/F3ck.trZBPyjV64.oA4ZsSBCIWvXuvQlQTuu"
BOB = "$2y$04$2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq"
CAROL = "$2y$14$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby"
PASSWORDS = {ALICE: b"a:lice", BOB: b"bob's", CAROL: b"carol's"}


@dataclass
class Hashing:
    """Stands in for bcrypt: notes each comparison, and waits for ``go`` with its answer."""

    compared: list[str] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    running: int = 0
    most_at_once: int = 0

    def matches(self, password: bytes, stored: bytes) -> bool:
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        self.compared.append(stored.decode())
        assert self.go.wait(10)
        self.running -= 1
        return PASSWORDS[stored.decode()] == password


@dataclass
class Gate:
    """A guarded exporter, and everything about it that a test may move or look at."""

    config: WebConfig
    hashing: Hashing = field(default_factory=Hashing)
    clock: FakeClock = field(default_factory=FakeClock)
    denials: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hashing.go.set()
        self.backend = FakeBackend()
        self._guard = Guard(
            create_app(self.backend),
            lambda: Access(self.config, None),
            monotonic=self.clock.monotonic,
            passwords=Passwords(self.hashing.matches),
            on_denied=self.denials.append,
        )

    async def get(self, path: str = "/metrics", *, client: str = "192.0.2.1", **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(self._guard, client=(client, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as http:
            return await http.get(path, headers={"Accept-Encoding": "identity", **headers})

    async def login(self, user: str, password: str, *, client: str = "192.0.2.1") -> int:
        """Ask with credentials; return the status."""
        return (await self.get(client=client, Authorization=basic(f"{user}:{password}"))).status_code


def basic(credentials: str | bytes) -> str:
    raw = credentials.encode() if isinstance(credentials, str) else credentials
    return "Basic " + base64.b64encode(raw).decode()


def run(trial: Callable[[Gate], Awaitable[None]], config: WebConfig | None = None) -> Gate:
    gate = Gate(config or WebConfig(users={"alice": ALICE, "bob": BOB, "carol": CAROL}))

    async def main() -> None:
        async with asyncio.timeout(20):
            await trial(gate)

    asyncio.run(main())
    return gate


# Who gets in.


def test_a_right_password_gets_in_and_is_hashed_once() -> None:
    async def trial(gate: Gate) -> None:
        assert await gate.login("alice", "a:lice") == 200
        assert await gate.login("alice", "a:lice") == 200
        assert await gate.login("bob", "bob's") == 200

    gate = run(trial)
    assert gate.hashing.compared == [ALICE, BOB]
    assert gate.denials == []


@pytest.mark.parametrize(
    "path", ["/metrics", "/", "/-/healthy", "/-/ready", "/-/reload", "/config", "/none", "/%2e", "/static/x"]
)
def test_every_path_asks_for_credentials_as_the_toolkits_does(path: str) -> None:
    async def trial(gate: Gate) -> None:
        answer = await gate.get(path)
        assert (answer.status_code, answer.text) == (401, "Unauthorized\n")
        assert answer.headers["www-authenticate"] == "Basic"

    gate = run(trial)
    assert gate.denials == [Denial.NO_CREDENTIALS]
    assert gate.hashing.compared == []
    assert gate.backend.scrapes == []


def test_without_users_nothing_is_asked() -> None:
    async def trial(gate: Gate) -> None:
        assert (await gate.get()).status_code == 200

    run(trial, WebConfig())


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic YWxpY2U",  # no padding
        "Bearer YWxpY2U6YTpsaWNl",
        basic("alice"),
        basic(b"\xff\xfe:x"),
        "YWxpY2U6YTpsaWNl",
    ],
)
def test_what_is_no_credentials_is_refused_without_a_hash(header: str) -> None:
    async def trial(gate: Gate) -> None:
        assert (await gate.get(Authorization=header)).status_code == 401

    gate = run(trial)
    assert gate.denials == [Denial.NO_CREDENTIALS]
    assert gate.hashing.compared == []


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_scheme_is_written_as_one_likes(scheme: str) -> None:
    async def trial(gate: Gate) -> None:
        header = basic("alice:a:lice").replace("Basic", scheme)
        assert (await gate.get(Authorization=header)).status_code == 200

    run(trial)


# What a refusal tells.


def test_an_unknown_user_and_a_wrong_password_cannot_be_told_apart() -> None:
    answers = []

    async def trial(gate: Gate) -> None:
        for user in ("alice", "mallory"):
            answer = await gate.get(Authorization=basic(f"{user}:wrong"))
            answers.append((answer.status_code, answer.content, answer.headers.raw))

    gate = run(trial)
    assert answers[0] == answers[1]
    assert gate.denials == [Denial.BAD_CREDENTIALS] * 2
    assert len(gate.hashing.compared) == 2


def test_an_unknown_user_costs_what_one_and_the_same_user_costs() -> None:
    async def trial(gate: Gate) -> None:
        for number in range(40):
            for attempt in range(2):
                await gate.login(f"user-{number}", f"wrong-{attempt}", client=f"192.0.2.{number}")
                gate.clock.advance(1)

    compared = run(trial).hashing.compared
    assert len(compared) == 80
    assert compared[0::2] == compared[1::2]
    assert set(compared) == {ALICE, BOB, CAROL}


def test_a_users_password_does_not_open_for_another_name() -> None:
    async def trial(gate: Gate) -> None:
        for name in ("mallory", "eve", "alice ", "ALICE"):
            for password in PASSWORDS.values():
                assert await gate.login(name, password.decode(), client=name) == 401
                assert await gate.login(name, password.decode(), client=name) == 401

    run(trial)


def test_the_cache_is_not_poisoned_by_names_that_hold_a_hash() -> None:  # CVE-2022-46146
    async def trial(gate: Gate) -> None:
        assert await gate.login("alice", "a:lice") == 200
        assert await gate.login(f"alice{ALICE}", "a:lice") == 401
        assert await gate.login("alice", f"{ALICE}a:lice") == 401
        assert (await gate.get(Authorization=basic("alice:a:lic") + "ZQ==")).status_code == 401

    run(trial)


def test_a_new_hash_forgets_the_old_password() -> None:
    async def trial(gate: Gate) -> None:
        assert await gate.login("alice", "a:lice") == 200
        gate.config = WebConfig(users={"alice": BOB})
        assert await gate.login("alice", "a:lice") == 401
        assert await gate.login("alice", "bob's") == 200
        gate.config = WebConfig(users={"bob": BOB})
        assert await gate.login("alice", "bob's") == 401

    run(trial)


# What it costs.


def test_the_same_credentials_at_once_cost_one_hash() -> None:
    async def trial(gate: Gate) -> None:
        gate.hashing.go.clear()
        logins = [asyncio.create_task(gate.login("alice", "a:lice")) for _ in range(150)]
        while not gate.hashing.compared:
            await asyncio.sleep(0)
        gate.hashing.go.set()
        assert set(await asyncio.gather(*logins)) == {200}

    assert run(trial).hashing.compared == [ALICE]


def test_hashing_never_stops_the_event_loop_and_goes_one_by_one() -> None:
    async def trial(gate: Gate) -> None:
        gate.hashing.go.clear()
        logins = [asyncio.create_task(gate.login("alice", f"{n}", client=f"192.0.2.{n}")) for n in range(5)]
        while not gate.hashing.compared:
            await asyncio.sleep(0)
        assert (await gate.get("/-/healthy")).status_code == 401  # answered meanwhile
        gate.hashing.go.set()
        assert await asyncio.gather(*logins) == [401] * 5

    gate = run(trial)
    assert gate.hashing.most_at_once == 1
    assert len(gate.hashing.compared) == 5


def test_beyond_a_queue_of_passwords_the_answer_is_try_later_at_once() -> None:
    async def trial(gate: Gate) -> None:
        gate.hashing.go.clear()
        logins = [asyncio.create_task(gate.login("alice", f"{n}", client=f"192.0.2.{n}")) for n in range(100)]
        while gate.denials.count(Denial.BUSY) < 36:
            await asyncio.sleep(0)
        gate.hashing.go.set()
        statuses = await asyncio.gather(*logins)
        assert (statuses.count(429), statuses.count(401)) == (36, 64)

    run(trial)


def test_a_crowd_of_guesses_keeps_nobody_from_being_heard() -> None:
    async def trial(gate: Gate) -> None:
        gate.hashing.go.clear()
        guesses = [
            asyncio.create_task(gate.login("alice", f"{n}-{client}", client=f"192.0.2.{client}"))
            for n in range(8)
            for client in range(20)
        ]
        while gate.denials.count(Denial.BUSY) < 120:
            await asyncio.sleep(0)
        honest = asyncio.create_task(gate.login("carol", "carol's", client="198.51.100.1"))
        await asyncio.sleep(0)
        gate.hashing.go.set()
        assert await honest == 200
        statuses = await asyncio.gather(*guesses)
        assert (statuses.count(429), statuses.count(401)) == (120, 40)

    run(trial)


def test_a_client_that_leaves_takes_nothing_with_it() -> None:
    async def trial(gate: Gate) -> None:
        gate.hashing.go.clear()
        impatient = asyncio.create_task(gate.login("alice", "a:lice"))
        while not gate.hashing.compared:
            await asyncio.sleep(0)
        impatient.cancel()
        patient = asyncio.create_task(gate.login("alice", "a:lice"))
        await asyncio.sleep(0)
        gate.hashing.go.set()
        assert await patient == 200

    assert run(trial).hashing.compared == [ALICE]


# Throttling.


def test_an_address_that_guesses_has_to_wait_and_the_others_do_not() -> None:
    async def trial(gate: Gate) -> None:
        for number in range(10):
            assert await gate.login("alice", f"guess-{number}") == 401
        answer = await gate.get(Authorization=basic("alice:guess-10"))
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert len(gate.hashing.compared) == 10
        assert await gate.login("alice", "a:lice", client="192.0.2.2") == 200
        gate.clock.advance(1)
        assert await gate.login("alice", "guess-11") == 401
        assert await gate.login("alice", "guess-12") == 429

    gate = run(trial)
    assert gate.denials.count(Denial.THROTTLED) == 2


def test_who_was_right_before_is_never_throttled() -> None:
    async def trial(gate: Gate) -> None:
        assert await gate.login("alice", "a:lice") == 200
        for number in range(30):
            await gate.login("alice", f"guess-{number}")
        assert await gate.login("alice", "a:lice") == 200

    run(trial)


def test_a_right_password_is_no_guess() -> None:
    async def trial(gate: Gate) -> None:
        for _ in range(30):  # the hash is another each time, so that nothing is remembered
            gate.config = WebConfig(users={"alice": ALICE})
            assert await gate.login("alice", "a:lice") == 200
            gate.config = WebConfig(users={"alice": BOB})
            assert await gate.login("alice", "bob's") == 200
        for number in range(10):
            assert await gate.login("alice", f"guess-{number}") == 401

    run(trial)


def test_the_addresses_of_an_ipv6_network_are_one() -> None:
    async def trial(gate: Gate) -> None:
        statuses = [await gate.login("alice", f"{n}", client=f"2001:db8::{n:x}") for n in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        assert await gate.login("alice", "x", client="2001:db8:0:1::1") == 401
        for number in range(12):
            await gate.login("alice", f"{number}", client=f"::ffff:192.0.2.{number}")

    assert len(run(trial).hashing.compared) == 10 + 1 + 12


# The toolkit's rate limit, and headers.


def test_the_rate_limit_counts_every_request_before_anything_else() -> None:
    async def trial(gate: Gate) -> None:
        assert (await gate.get()).status_code == 401
        assert await gate.login("alice", "a:lice") == 200
        answer = await gate.get(Authorization=basic("alice:a:lice"))
        assert (answer.status_code, answer.text, answer.headers["retry-after"]) == (429, "Too Many Requests\n", "2")
        gate.clock.advance(2)
        assert await gate.login("alice", "a:lice") == 200
        gate.config = WebConfig()
        assert (await gate.get()).status_code == 200

    gate = run(trial, WebConfig(users={"alice": ALICE}, rate_limit=RateLimit(2.0, 2)))
    assert gate.denials == [Denial.NO_CREDENTIALS, Denial.RATE_LIMITED]


def test_no_burst_refuses_everything_as_the_toolkit_does() -> None:
    async def trial(gate: Gate) -> None:
        gate.clock.advance(100)
        assert (await gate.get()).status_code == 429

    run(trial, WebConfig(rate_limit=RateLimit(1.0, 0)))


@pytest.mark.parametrize(("path", "status"), [("/metrics", 200), ("/none", 404), ("/-/reload", 405)])
def test_headers_replace_ours_on_every_answer(path: str, status: int) -> None:
    async def trial(gate: Gate) -> None:
        for expected in (status, 401, 429):
            answer = await gate.get(path)
            assert answer.status_code == expected
            assert answer.headers.get_list("x-frame-options") == ["sameorigin"]
            assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
            assert answer.headers["x-content-type-options"] == "nosniff"  # ours, which is not replaced
            if expected == status:
                gate.config = WebConfig(headers=headers, users={"alice": ALICE})
            else:
                gate.config = WebConfig(headers=headers, rate_limit=RateLimit(1.0, 0))

    headers = {
        "X-Frame-Options": "sameorigin",
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    }
    run(trial, WebConfig(headers=headers))
