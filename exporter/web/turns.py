"""One request begins in each turn of the event loop: a crowd of scrapes cannot hold polls up."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

GONE: Final = "gone"
"""Key in the scope's ``state`` of what tells whether the request's connection is closed already."""


class Turns:
    """Lets requests wait for their turn; what an application does up to its first wait is done in it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._turn.acquire()
            asyncio.get_running_loop().call_soon(self._turn.release)
            if is_gone(scope):
                return  # no answer is made for a client that has left
        await self._app(scope, receive, send)


def is_gone(scope: Scope) -> bool:
    """Tell whether the client has left, or was made to."""
    gone = scope.get("state", {}).get(GONE)
    return gone is not None and gone()
