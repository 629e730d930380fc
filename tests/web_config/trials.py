"""A server with a web configuration on trial, and clients that shake hands as they like."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from exporter.web.access import AccessFile
from exporter.web.admission import admitting_server
from exporter.web.limits import Limits
from exporter.web.server import WebServer
from tests.clocks import FakeClock
from tests.trials import PATIENT, Client, hello


@dataclass
class Site:
    """A running server: what it refused, what its access file told, and a clock for its throttles."""

    port: int
    access: AccessFile
    clock: FakeClock
    refusals: list[str]
    denials: list[str]
    loads: list[bool]
    clients: list[Client]
    server: WebServer

    async def connect(self, tls: ssl.SSLContext | None = None, *, name: str = "localhost") -> Client:
        """Connect, over TLS if a context is given. Raises OSError, as ssl.SSLError is."""
        wanted = {} if tls is None else {"ssl": tls, "server_hostname": name}
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, **wanted))  # type: ignore[arg-type]
        self.clients.append(client)
        return client

    async def get(self, tls: ssl.SSLContext | None = None, **headers: str) -> tuple[int, bytes]:
        """Ask on a connection of its own. Raises OSError, EOFError."""
        client = await self.connect(tls)
        client.send(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
        client.send("".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n")
        answer = await client.answer()
        client.writer.transport.abort()
        return answer


def run(trial: Callable[[Site], Awaitable[None]], file: Path, *, limits: Limits = PATIENT) -> None:
    """Try something on a server that ``file`` configures, which must not take long."""

    async def main() -> None:
        async with asyncio.timeout(20), _serving(file, limits) as site:
            await trial(site)

    asyncio.run(main())


@asynccontextmanager
async def _serving(file: Path, limits: Limits) -> AsyncIterator[Site]:
    loads: list[bool] = []
    clock = FakeClock()
    access = AccessFile(file, loads.append, monotonic=clock.monotonic)
    refusals: list[str] = []
    denials: list[str] = []
    server = admitting_server(
        hello,
        access,
        ["127.0.0.1:0"],
        limits,
        monotonic=clock.monotonic,
        on_refused=refusals.append,
        on_denied=denials.append,
    )
    await server.start()
    site = Site(server.ports[0], access, clock, refusals, denials, loads, [], server)
    try:
        yield site
    finally:
        for client in site.clients:
            client.writer.transport.abort()
        await server.stop(grace=2)


def trusting(authority: trustme.CA, identity: trustme.LeafCert | None = None) -> ssl.SSLContext:
    """A client that trusts an authority, and may show a certificate."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if identity is not None:
        identity.configure_cert(context)
    return context


def served(client: Client) -> bytes:
    """The certificate that the server showed on a connection."""
    tls: ssl.SSLObject = client.writer.get_extra_info("ssl_object")
    found = tls.getpeercert(binary_form=True)
    assert found is not None
    return found
