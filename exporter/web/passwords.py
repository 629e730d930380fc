"""Checks passwords without ever making the event loop wait: one bcrypt hash at a time, on a thread of its own."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Thread
from typing import Final

import bcrypt

_MAX_BYTES: Final = 72
"""What bcrypt looks at, in Go as everywhere; Python's refuses longer passwords instead."""

_MAX_REMEMBERED: Final = 100
_MAX_WAITING: Final = 16


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

    async def check(self, users: Mapping[str, str], user: str, password: bytes) -> bool:
        """Compare a password with the user's hash; ``users`` must not be empty. Raises BusyError."""
        stored = self._stored(users, user)
        digest = self._digest(user, stored, password)
        task = self._running.get(digest)
        if task is None:
            if len(self._running) > _MAX_WAITING:
                raise BusyError
            task = asyncio.create_task(self._compare(stored, password), name="password")
            self._running[digest] = task
            task.add_done_callback(lambda _: self._running.pop(digest))
        matches = await asyncio.shield(task)
        if not matches or user not in users:
            return False
        self._right[digest] = None
        if len(self._right) > _MAX_REMEMBERED:
            self._right.popitem(last=False)
        return True

    def _stored(self, users: Mapping[str, str], user: str) -> str:
        """Return the user's hash, and for an unknown user always the same of another's, so that time tells nothing."""
        number = int.from_bytes(self._digest(user), "big")
        decoy = list(users.values())[number % len(users)]
        return users.get(user, decoy)

    async def _compare(self, stored: str, password: bytes) -> bool:
        async with self._turn:
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[bool] = loop.create_future()

            def settle(matches: bool) -> None:
                if not answer.done():
                    answer.set_result(matches)

            def compare() -> None:
                try:
                    matches = self._matches(password[:_MAX_BYTES], stored.encode())
                except ValueError:
                    matches = False
                with suppress(RuntimeError):  # the loop has ended meanwhile
                    loop.call_soon_threadsafe(settle, matches)

            # Not an executor's: the interpreter would wait for it before it exits.
            Thread(target=compare, name="password", daemon=True).start()
            return await answer

    def _digest(self, *parts: str | bytes) -> bytes:
        digest = hashlib.blake2b(key=self._secret, digest_size=32)
        for part in parts:
            text = part.encode() if isinstance(part, str) else part
            digest.update(len(text).to_bytes(8, "big") + text)
        return digest.digest()
