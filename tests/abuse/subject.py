"""The daemon under attack: a process on the bundled stand-in, and what the system and its metrics say of it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import bcrypt
import httpx
import trustme

from tests.abuse.attacks import USER
from tests.e2e.host import peak_rss
from tests.e2e.process import START_SECONDS, Exporter, configuration, write
from tests.e2e.scrape import Scrape
from tests.e2e.standin import Standin, Verdict, compare, counted, expected, standin
from tests.e2e.waiting import until

ADDRESS: Final = "127.0.0.2"
"""Where those who behave come from: attackers are at 127.0.0.1."""

PASSWORD: Final = "right"
"""Of the user whose password attackers guess."""

SETTLE_SECONDS: Final = 60.0
"""How long the daemon may take to be as it was, before a test gives up on it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The daemon at one moment. ``log_lines`` are all so far; sizes are bytes."""

    polls: int
    failures: int
    """Failed polls, and background tasks that ended in an error."""
    refused: Mapping[str, int]
    """Connections refused or cut, by reason."""
    descriptors: int
    """Files and sockets that are open."""
    peak: int
    """The most resident memory since the start."""
    log_lines: int


class Subject:
    """A running daemon and the stand-in that it polls."""

    def __init__(self, exporter: Exporter, upstream: Standin, trust: ssl.SSLContext | None) -> None:
        """``trust`` are the authorities to trust if it speaks TLS and asks for a password."""
        self.exporter = exporter
        self._upstream = upstream
        self._trust = trust

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.exporter.ports[0]

    def caller(self) -> httpx.Client:
        """Return a client that is not at the attackers' address, as Prometheus is not."""
        trust = self._trust
        transport = httpx.HTTPTransport(verify=trust or False, local_address=ADDRESS)
        url = f"{'https' if trust else 'http'}://127.0.0.1:{self.port}"
        auth = (USER, PASSWORD) if trust else None
        return httpx.Client(transport=transport, base_url=url, auth=auth, timeout=10.0)

    def scrape(self) -> Scrape:
        """Scrape it on a connection of its own, again and again until it answers. Raises AssertionError."""
        return until(self._scrape_once, SETTLE_SECONDS, "a scrape is answered")

    def read(self) -> Reading:
        """Look at it."""
        scrape = self.scrape()
        refused = scrape.by("vlmrun_exporter_refused_connections_total", "reason")
        return Reading(
            polls=round(scrape.sum("vlmrun_exporter_polls_total")),
            failures=round(
                scrape.sum("vlmrun_exporter_poll_failures_total") + scrape.sum("vlmrun_exporter_task_failures_total")
            ),
            refused={reason: round(number) for (reason,), number in refused.items() if number},
            descriptors=round(scrape.value("process_open_fds")),
            peak=peak_rss(self.exporter.process.pid),
            log_lines=self.exporter.logs.count("\n"),
        )

    def settled(self, before: Reading) -> Reading:
        """Wait until no more files are open than ``before``; return what it is like then. Raises AssertionError."""
        until(
            lambda: self.read().descriptors <= before.descriptors,
            SETTLE_SECONDS,
            f"no more than {before.descriptors} files are open",
        )
        return self.read()

    def verdict(self) -> Verdict:
        """Stop time upstream, let what has finished by then be counted, and compare that with the truth."""
        self._upstream.clock.stop()
        truth = expected(self._upstream.truth())
        with suppress(AssertionError):  # the verdict says what is missing
            until(lambda: compare(truth, counted(self.scrape())), SETTLE_SECONDS, "all rows are counted")
        return compare(truth, counted(self.scrape()))

    def _scrape_once(self) -> Scrape | None:
        with suppress(httpx.TransportError), self.caller() as client:
            return Scrape(client.get("/metrics").raise_for_status().text)
        return None


@contextmanager
def subject(folder: Path, *flags: str, secure: bool = False, **options: Any) -> Iterator[Subject]:
    """Run a daemon that polls each list once a second and logs in ``folder``; ``options`` are the stand-in's."""
    with standin(**{"rate": 0.5, "history": 600.0, **options}) as upstream:
        config = write(folder / "config.yaml", configuration(upstream.url, folder, poll={"interval": "1s"}))
        trust = _secure(folder) if secure else None
        web = [f"--web.config.file={folder / 'web.yml'}"] if secure else []
        with Exporter(config, "--web.enable-lifecycle", *web, *flags) as exporter:
            running = Subject(exporter, upstream, trust)
            until(lambda: running.read().polls >= 3, START_SECONDS, "every list was polled")
            yield running


def _secure(folder: Path) -> ssl.SSLContext:
    """Write a web configuration with TLS and a user; return what trusts it."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode("ascii")
    write(
        folder / "web.yml",
        {
            "tls_server_config": {"cert_file": "cert.pem", "key_file": "key.pem"},
            "basic_auth_users": {USER: hashed},
        },
    )
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return trust
