"""``healthcheck``: asks the exporter on this machine whether it is healthy, for container engines and exec probes.

It runs every few seconds beside the exporter, so it imports next to nothing.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import ssl
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from exporter.cli import exits
from exporter.cli.flags import Flags, add_web, optional_path, positive_number
from exporter.web.address import parse_address

_PATH: Final = "/-/healthy"
_ALIVE: Final = {
    HTTPStatus.UNAUTHORIZED: "it answers, and asks for credentials: the ledger was not looked at",
    HTTPStatus.TOO_MANY_REQUESTS: "it answers, but limits requests: the ledger was not looked at",
}
"""To answer at all proves that the event loop turns: no reason to kill it."""


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
        connection = _connection(values)
        headers = _credentials(values["healthcheck.username"], optional_path(values["healthcheck.password-file"]))
    except (OSError, ValueError) as error:
        return exits.fail(error, exits.USAGE)
    try:
        return _ask(connection, headers)
    except ssl.SSLError as error:
        if "_ALERT_" in (error.reason or ""):
            print("it answers, and asks for a client certificate: the ledger was not looked at", file=sys.stderr)
            return 0
        return exits.fail(f"unhealthy: {error}", exits.FAILED)
    except OSError as error:
        return exits.fail(f"unhealthy: no answer: {error}", exits.FAILED)
    except http.client.HTTPException as error:
        return exits.fail(f"unhealthy: no answer in HTTP: {error!r}", exits.FAILED)
    finally:
        connection.close()


def _ask(connection: http.client.HTTPConnection, headers: Mapping[str, str]) -> int:
    connection.request("GET", _PATH, headers=dict(headers))
    answer = connection.getresponse()
    said = answer.read(1024).decode("utf-8", "replace").strip()
    if answer.status == HTTPStatus.OK:
        return 0
    if answer.status in _ALIVE:
        print(_ALIVE[HTTPStatus(answer.status)], file=sys.stderr)
        return 0
    return exits.fail(f"unhealthy: {answer.status} {said}", exits.FAILED)


def _connection(values: Mapping[str, Any]) -> http.client.HTTPConnection:
    """Prepare to ask the first listen address. Raises OSError, ValueError for what the flags or files say wrong."""
    address = parse_address(values["web.listen-address"][0])
    if address.port == 0:
        raise ValueError("--web.listen-address: port 0 is chosen by the system: name the port to ask")
    timeout = positive_number(values["healthcheck.timeout"], "healthcheck.timeout", most=300)
    host = _loopback(address.host)
    if not _has_tls(optional_path(values["web.config.file"])):
        return http.client.HTTPConnection(host, address.port, timeout=timeout)
    # To its own machine, and only to ask how it is: whose certificate it is matters as little as to the kubelet.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, address.port, timeout=timeout, context=context)


def _loopback(host: str) -> str:
    """Return where a server that listens on ``host`` is reached from its own machine."""
    try:
        listening = ipaddress.ip_address(host or "0.0.0.0")
    except ValueError:
        return host
    if not listening.is_unspecified:
        return host
    return "127.0.0.1" if listening.version == 4 else "::1"


def _has_tls(file: Path | None) -> bool:
    if file is None:
        return False
    import yaml  # only then: it takes as long as the rest

    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError):
        raise ValueError(f"--web.config.file: {file} is no YAML; --config.check says where") from None
    return isinstance(document, dict) and bool(document.get("tls_server_config"))


def _credentials(username: str, password_file: Path | None) -> dict[str, str]:
    if bool(username) != (password_file is not None):
        raise ValueError("--healthcheck.username and --healthcheck.password-file: give both, or none")
    if password_file is None:
        return {}
    password = password_file.read_text(encoding="utf-8").rstrip("\r\n")
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")}
