"""Puts a web configuration before an application: what a server with ``--web.config.file`` is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.types import ASGIApp

from exporter.web.access import AccessFile
from exporter.web.guard import Guard, replace_headers
from exporter.web.limits import Limits
from exporter.web.passwords import Passwords
from exporter.web.server import WebServer
from exporter.web.tls_accept import Endpoint


def admitting_server(
    app: ASGIApp,
    access: AccessFile,
    addresses: Sequence[str],
    limits: Limits,
    *,
    monotonic: Callable[[], float],
    on_refused: Callable[[str], None],
    on_denied: Callable[[str], None],
) -> WebServer:
    """Return a server that asks of connections and requests what ``access`` does, as it is at their moment.

    Raises ValueError for an address that is not ``HOST:PORT``.
    """

    def endpoint() -> Endpoint:
        current = access.current()
        assert current.context is not None and current.config.tls is not None  # a reload cannot switch TLS off
        return Endpoint(current.context, current.config.tls.allowed_sans)

    guard = Guard(app, access.current, monotonic=monotonic, passwords=Passwords(), on_denied=on_denied)
    return WebServer(
        guard,
        addresses,
        limits,
        on_refused,
        endpoint=endpoint if access.current().context is not None else None,
        headers_of=lambda headers: replace_headers(headers, access.current().config),
    )
