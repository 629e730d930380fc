"""``healthcheck``: asks the exporter on this machine whether it is healthy, for container engines and exec probes.

It runs every few seconds beside the exporter, so it imports next to nothing.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import re
import ssl
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from exporter.cli import exits
from exporter.cli.flags import Flags, add_web, optional_path, positive_number
from exporter.web.address import parse_address

_PATH: Final = "/-/healthy"
_ALIVE: Final = {
    HTTPStatus.UNAUTHORIZED: "it answers, and asks for credentials: the ledger was not looked at",
    HTTPStatus.FORBIDDEN: "it answers, and allows certain clients only: the ledger was not looked at",
    HTTPStatus.TOO_MANY_REQUESTS: "it answers, but limits requests: the ledger was not looked at",
}
"""To answer at all proves that the event loop turns: no reason to kill it."""

_PLAIN_TO_TLS: Final = "HTTP request to an HTTPS server"
"""What a server that speaks TLS answers to plain HTTP, as Go's do."""

_TLS_TO_PLAIN: Final = "WRONG_VERSION_NUMBER"
"""What OpenSSL says of a server that answers a handshake in plain text."""

_MENTIONS_TLS: Final = re.compile(rb"^[^#\n]*\btls_server_config\b", re.MULTILINE)


class _OtherSchemeError(Exception):
    """The server speaks TLS and was asked without, or the other way round."""


@dataclass(frozen=True, slots=True)
class _Question:
    """Whom to ask, and what."""

    host: str
    port: int
    timeout: float
    headers: Mapping[str, str]

    def ask(self, *, tls: bool) -> tuple[int, str]:
        """Return the status and the text of the answer. Raises _OtherSchemeError, OSError, HTTPException."""
        with closing(self._connection(tls)) as connection:
            try:
                connection.connect()
            except ssl.SSLError as error:
                if error.reason == _TLS_TO_PLAIN:
                    raise _OtherSchemeError(str(error)) from None
                raise
            connection.request("GET", _PATH, headers=dict(self.headers))
            answer = connection.getresponse()
            said = answer.read(1024).decode("utf-8", "replace").strip()
        if answer.status == HTTPStatus.BAD_REQUEST and _PLAIN_TO_TLS in said:
            raise _OtherSchemeError(said)
        return answer.status, said

    def _connection(self, tls: bool) -> http.client.HTTPConnection:
        if not tls:
            return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        # To its own machine, and only to ask how it is: whose certificate it is matters as little as to the kubelet.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=context)


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Return 0 if the exporter is healthy, 1 with a line on stderr if it is not, 2 for wrong flags."""
    flags = Flags(
        environ,
        prog="vlmrun-exporter healthcheck",
        description="Ask the exporter on this machine for its health, with the addresses that it listens on itself: "
        "exit code 0 if it is healthy, 1 if it is not or does not answer.",
    )
    add_web(flags)
    flags.add("healthcheck.timeout", default="6", help="seconds to wait for the answer")
    flags.add("healthcheck.username", default="", help="a user of --web.config.file, if it has any")
    flags.add("healthcheck.password-file", default="", help="file with that user's password")
    values = flags.parse(arguments)
    try:
        address = parse_address(values["web.listen-address"][0])
        if address.port == 0:
            raise ValueError("--web.listen-address: port 0 is chosen by the system: name the port to ask")
        question = _Question(
            _loopback(address.host),
            address.port,
            positive_number(values["healthcheck.timeout"], "healthcheck.timeout", most=300),
            _credentials(values["healthcheck.username"], optional_path(values["healthcheck.password-file"])),
        )
    except (OSError, ValueError) as error:
        return exits.fail(error, exits.USAGE)
    return _verdict(question, tls=_expects_tls(optional_path(values["web.config.file"])))


def _verdict(question: _Question, *, tls: bool) -> int:
    try:
        try:
            status, said = question.ask(tls=tls)
        except _OtherSchemeError:
            status, said = question.ask(tls=not tls)
    except ssl.SSLError as error:
        if "_ALERT_" in (error.reason or ""):
            print("it answers, and asks for a client certificate: the ledger was not looked at", file=sys.stderr)
            return 0
        return exits.fail(f"unhealthy: {error}", exits.FAILED)
    except OSError as error:
        return exits.fail(f"unhealthy: no answer: {error}", exits.FAILED)
    except http.client.HTTPException as error:
        return exits.fail(f"unhealthy: no answer in HTTP: {error!r}", exits.FAILED)
    except _OtherSchemeError as error:
        return exits.fail(f"unhealthy: no answer in HTTP, nor in HTTPS: {error}", exits.FAILED)
    if status == HTTPStatus.OK:
        return 0
    if status in _ALIVE:
        print(_ALIVE[HTTPStatus(status)], file=sys.stderr)
        return 0
    return exits.fail(f"unhealthy: {status} {said}", exits.FAILED)


def _loopback(host: str) -> str:
    """Return where a server that listens on ``host`` is reached from its own machine."""
    try:
        listening = ipaddress.ip_address(host or "0.0.0.0")
    except ValueError:
        return host
    if not listening.is_unspecified:
        return host
    return "127.0.0.1" if listening.version == 4 else "::1"


def _expects_tls(file: Path | None) -> bool:
    """Guess from the web configuration whether the server speaks TLS.

    No more than a guess: what it started with may have been another file, and one that is bad by now is not in force.
    The server itself tells which it is; to guess right saves it a refusal in its metrics.
    """
    if file is None:
        return False
    with suppress(OSError):
        return _MENTIONS_TLS.search(file.read_bytes()) is not None
    return False


def _credentials(username: str, password_file: Path | None) -> dict[str, str]:
    if bool(username) != (password_file is not None):
        raise ValueError("--healthcheck.username and --healthcheck.password-file: give both, or none")
    if password_file is None:
        return {}
    password = password_file.read_text(encoding="utf-8").rstrip("\r\n")
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")}
