"""Checks passwords without ever making the event loop wait: one bcrypt hash at a time, on a thread of its own."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Thread, get_native_id
from typing import Final

import bcrypt

_MAX_BYTES: Final = 72
"""What bcrypt looks at, in Go as everywhere; Python's refuses longer passwords instead."""

_MAX_REMEMBERED: Final = 100
_MAX_WAITING: Final = 64
_MAX_WAITING_OF_ONE: Final = 2
"""Of one origin, so that no crowd of guesses keeps others from being heard."""

_NICE: Final = 10
"""Polls and scrapes come before guesses where they share a processor."""


class BusyError(Exception):
    """Too many passwords wait to be checked."""


class Passwords:
    """Tells whether a user's password is right, and remembers that it was."""

    def __init__(self, matches: Callable[[bytes, bytes], bool] = bcrypt.checkpw) -> None:
        """``matches(password, hash)`` may take long; it is called on another thread, one call at a time."""
        self._matches = matches
        self._secret = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._running: dict[bytes, asyncio.Task[bool]] = {}
        self._waiting: Counter[str] = Counter()
        self._turn = asyncio.Lock()

    def remembers(self, users: Mapping[str, str], user: str, password: bytes) -> bool:
        """Tell whether the password was right before, for the hash that the user has now."""
        digest = self._digest(user, users.get(user, ""), password)
        if digest not in self._right:
            return False
        self._right.move_to_end(digest)
        return True

    def checks(self, users: Mapping[str, str], user: str, password: bytes) -> bool:
        """Tell whether the same is being checked already: to wait for it costs nothing."""
        return self._digest(user, self._stored(users, user), password) in self._running

    async def check(self, users: Mapping[str, str], user: str, password: bytes, where: str) -> bool:
        """Compare a password with the user's hash, for a client from ``where``; ``users`` must not be empty.

        Raises BusyError if too many are waiting to be compared: of all, or from there.
        """
        stored = self._stored(users, user)
        digest = self._digest(user, stored, password)
        task = self._running.get(digest)
        if task is None:
            if len(self._running) >= _MAX_WAITING or self._waiting[where] >= _MAX_WAITING_OF_ONE:
                raise BusyError
            task = asyncio.create_task(self._compare(stored, password), name="password")
            self._running[digest] = task
            self._waiting[where] += 1
            task.add_done_callback(lambda _: self._ended(digest, where))
        matches = await asyncio.shield(task)
        if not matches or user not in users:
            return False
        self._right[digest] = None
        if len(self._right) > _MAX_REMEMBERED:
            self._right.popitem(last=False)
        return True

    def _ended(self, digest: bytes, where: str) -> None:
        del self._running[digest]
        self._waiting[where] -= 1
        if not self._waiting[where]:
            del self._waiting[where]

    def _stored(self, users: Mapping[str, str], user: str) -> str:
        """Return the user's hash, and for an unknown user always the same of another's, so that time tells nothing."""
        number = int.from_bytes(self._digest(user), "big")
        decoy = list(users.values())[number % len(users)]
        return users.get(user, decoy)

    async def _compare(self, stored: str, password: bytes) -> bool:
        async with self._turn:
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[bool] = loop.create_future()

            def settle(matches: bool, error: Exception | None) -> None:
                if not answer.done():
                    if error is None:
                        answer.set_result(matches)
                    else:
                        answer.set_exception(error)

            def compare() -> None:
                _give_way()
                matches, problem = False, None
                try:
                    matches = self._matches(password[:_MAX_BYTES], stored.encode())
                except ValueError:
                    pass  # no password that bcrypt can take
                except Exception as error:
                    problem = error
                with suppress(RuntimeError):  # the loop has ended meanwhile
                    loop.call_soon_threadsafe(settle, matches, problem)

            # Not an executor's: the interpreter would wait for it before it exits.
            Thread(target=compare, name="password", daemon=True).start()
            return await answer

    def _digest(self, *parts: str | bytes) -> bytes:
        digest = hashlib.blake2b(key=self._secret, digest_size=32)
        for part in parts:
            text = part.encode() if isinstance(part, str) else part
            digest.update(len(text).to_bytes(8, "big") + text)
        return digest.digest()


def _give_way() -> None:
    """Let the current thread alone run with less priority, where a thread can."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), _NICE)
