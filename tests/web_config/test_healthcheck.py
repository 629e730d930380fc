"""``vlmrun-exporter healthcheck`` on a server with a web configuration: it goes by the server, not by the file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from exporter.cli import healthcheck
from exporter.web.limits import Refusal
from tests.web_config.trials import Site, run

TLS = "cert_file: server.crt, key_file: server.key"
PLAIN = "{}"
ENCRYPTED = f"tls_server_config: {{{TLS}}}"
NAMES = f"client_ca_file: client_selfsigned.pem, client_allowed_sans: [x], {TLS}"
GONE = ""


def check(file: Path, started_with: str, now: str, refusals: Iterable[Refusal] = ()) -> int:
    """Start a server, change its file, run the command, and return its exit code."""
    codes: list[int] = []

    async def trial(site: Site) -> None:
        put(file, now)
        flags = [f"--web.listen-address=127.0.0.1:{site.port}", f"--web.config.file={file}"]
        codes.append(await asyncio.to_thread(healthcheck.run, flags, {}))
        assert site.refusals == list(refusals)

    put(file, started_with)
    run(trial, file)
    return codes[0]


def put(file: Path, text: str) -> None:
    """Write the file, or remove it."""
    file.write_text(text)
    if text is GONE:
        file.unlink()


@pytest.mark.parametrize(
    "text",
    [PLAIN, ENCRYPTED, f"# as {ENCRYPTED}", f'{{"tls_server_config": {{{TLS}}}}}'],
    ids=["plain", "TLS", "a comment", "JSON"],
)
def test_the_file_says_how_to_ask(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(folder / "web.yml", text, text) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("started_with", "now", "refusal"),
    [
        (ENCRYPTED, "tls_server_config: [", None),
        (ENCRYPTED, "\x00", Refusal.PLAIN_HTTP),
        (ENCRYPTED, GONE, Refusal.PLAIN_HTTP),
        (ENCRYPTED, PLAIN, Refusal.PLAIN_HTTP),
        (PLAIN, ENCRYPTED, Refusal.BAD_REQUEST),
        (PLAIN, "tls_server_config: [", Refusal.BAD_REQUEST),
        (PLAIN, GONE, None),
    ],
    ids=["bad", "no YAML", "gone", "TLS removed", "TLS added", "bad and plain", "gone and plain"],
)
def test_a_file_that_is_not_in_force_is_no_reason_to_kill(
    started_with: str, now: str, refusal: Refusal | None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(folder / "web.yml", started_with, now, [refusal] if refusal else []) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("policy", "refusal", "said"),
    [
        ("RequireAndVerifyClientCert", Refusal.HANDSHAKE_FAILED, "asks for a client certificate"),
        ("VerifyClientCertIfGiven", Refusal.CLIENT_NOT_ALLOWED, "allows certain clients only"),
    ],
)
def test_a_server_that_wants_another_client_is_alive(
    policy: str, refusal: Refusal, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"tls_server_config: {{client_auth_type: {policy}, {NAMES}}}"

    assert check(folder / "web.yml", text, text, [refusal]) == 0
    assert capsys.readouterr().err == f"it answers, and {said}: the ledger was not looked at\n"
