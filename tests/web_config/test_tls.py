"""Connections over TLS, real ones: which versions, suites, curves and clients get in, and what the others meet."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import errno
import os
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog.testing
import trustme

from exporter.config import ConfigError, load_web
from exporter.web.access import load_access
from exporter.web.limits import Limits, Refusal
from exporter.web.tls import alternative_names, refused_by_clients, server_context
from exporter.web.tls_alerts import AlertingContext, alerts_reach
from tests.trials import GET, NEVER, PATIENT, SOON
from tests.web_config.folder import Certificates, write_pair
from tests.web_config.trials import Site, run, trusting


def get_in(folder: Path, case: str, client: ssl.SSLContext) -> None:
    """Expect an answer."""

    async def trial(site: Site) -> None:
        assert await site.get(client) == (200, b"/hello")
        assert site.refusals == []

    run(trial, folder / case)


def stay_out(folder: Path, case: str, client: ssl.SSLContext | None, why: Refusal, alert: str | None = None) -> None:
    """Expect no answer, and a refusal to be counted."""

    async def trial(site: Site) -> None:
        with pytest.raises((OSError, EOFError), match=alert):
            await site.get(client)
        assert site.refusals == [why]

    run(trial, folder / case)


def be_forbidden(folder: Path, case: str, client: ssl.SSLContext) -> None:
    """Expect to be told that this client is not allowed, and that to be counted."""

    async def trial(site: Site) -> None:
        assert await site.get(client) == (403, b"Your certificate has none of the names that are allowed.\n")
        silent = await site.connect(client)
        assert (await silent.closed()).startswith(b"HTTP/1.1 403 ")
        assert site.refusals == [Refusal.CLIENT_NOT_ALLOWED] * 2

    run(trial, folder / case)


@pytest.mark.parametrize(
    "case",
    [
        "web_config_noAuth.good.yml",
        "web_config_noAuth_allCiphers.good.yml",
        "web_config_noAuth_allCurves.good.yml",
        "web_config_noAuth_noHTTP2.good.yml",
        "only-tls13-suites.ok.yml",
    ],
)
def test_a_client_that_trusts_the_server_gets_in(case: str, folder: Path, certificates: Certificates) -> None:
    get_in(folder, case, trusting(certificates.authority))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_old_versions_stay_out(version: ssl.TLSVersion, folder: Path, certificates: Certificates) -> None:
    client = trusting(certificates.authority)
    client.set_ciphers("ALL:@SECLEVEL=0")
    client.minimum_version, client.maximum_version = version, version

    stay_out(folder, "web_config_noAuth.good.yml", client, Refusal.HANDSHAKE_FAILED, "PROTOCOL_VERSION")


def test_tls_1_2_stays_out_where_1_3_is_demanded(folder: Path, certificates: Certificates) -> None:
    client = trusting(certificates.authority)
    client.maximum_version = ssl.TLSVersion.TLSv1_2

    stay_out(folder, "only-tls13-suites.ok.yml", client, Refusal.HANDSHAKE_FAILED, "PROTOCOL_VERSION")


def test_no_common_suite(folder: Path, certificates: Certificates) -> None:
    client = trusting(certificates.authority)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers("ECDHE-RSA-AES256-SHA")

    stay_out(folder, "web_config_noAuth_someCiphers.good.yml", client, Refusal.HANDSHAKE_FAILED, "HANDSHAKE_FAILURE")


@pytest.mark.parametrize(
    ("case", "offered", "chosen"),
    [
        ("web_config_noAuth_someCiphers.good.yml", "256 128", "128"),
        ("web_config_noAuth_someCiphers_noOrder.good.yml", "128 256", "128"),
        ("web_config_noAuth_someCiphers_noOrder.good.yml", "256 128", "256"),
    ],
)
def test_the_server_or_the_client_prefers(
    case: str, offered: str, chosen: str, folder: Path, certificates: Certificates
) -> None:
    suites = {"128": "ECDHE-RSA-AES128-GCM-SHA256", "256": "ECDHE-RSA-AES256-GCM-SHA384"}
    client = trusting(certificates.authority)
    client.set_ciphers(":".join(suites[size] for size in offered.split()))

    async def trial(site: Site) -> None:
        connection = await site.connect(client)
        assert connection.writer.get_extra_info("cipher")[0] == suites[chosen]

    run(trial, folder / case)


@pytest.mark.parametrize("curve", ["secp521r1", "secp384r1"])
def test_only_the_curve_that_is_allowed(curve: str, folder: Path, certificates: Certificates) -> None:
    client = trusting(certificates.authority)
    client.set_ecdh_curve(curve)

    if curve == "secp521r1":
        get_in(folder, "web_config_noAuth_someCurves.good.yml", client)
    else:
        stay_out(folder, "web_config_noAuth_someCurves.good.yml", client, Refusal.HANDSHAKE_FAILED, "HANDSHAKE_FAILURE")


def test_plain_http_is_told_as_go_does(folder: Path) -> None:
    async def trial(site: Site) -> None:
        client = await site.connect()
        client.send(GET)
        assert await client.closed() == (
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
        )
        assert site.refusals == [Refusal.PLAIN_HTTP]

    run(trial, folder / "web_config_noAuth.good.yml")


def test_junk_is_cut_and_a_probe_of_the_port_is_no_refusal(folder: Path) -> None:
    async def trial(site: Site) -> None:
        probe = await site.connect()
        probe.writer.write_eof()
        assert await probe.closed() == b""
        assert site.refusals == []
        for junk in (b"\x00\x01", b"\x16\x03\x01\x00\x05junk!"):
            client = await site.connect()
            client.send(junk)
            await client.closed()
        assert site.refusals == [Refusal.HANDSHAKE_FAILED] * 2

    run(trial, folder / "web_config_noAuth.good.yml")


def test_an_https_client_at_a_plain_port_gets_no_handshake(folder: Path, certificates: Certificates) -> None:
    stay_out(folder, "web_config_empty.yml", trusting(certificates.authority), Refusal.BAD_REQUEST)


# Clients' certificates.


def test_a_trusted_client_certificate_gets_in(folder: Path, certificates: Certificates) -> None:
    client = trusting(certificates.authority, certificates.client)

    get_in(folder, "tls_config_noAuth.requireandverifyclientcert.good.yml", client)


def test_none_or_another_one_stays_out(folder: Path, certificates: Certificates) -> None:
    case = "tls_config_noAuth.requireandverifyclientcert.good.yml"

    stay_out(folder, case, trusting(certificates.authority), Refusal.HANDSHAKE_FAILED, "CERTIFICATE_REQUIRED")
    stay_out(
        folder, case, trusting(certificates.authority, certificates.client2), Refusal.HANDSHAKE_FAILED, "UNKNOWN_CA"
    )


def test_a_certificate_if_given_is_verified(folder: Path, certificates: Certificates) -> None:
    file = folder / "if-given.yml"
    file.write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: client_selfsigned.pem,"
        " client_auth_type: VerifyClientCertIfGiven}"
    )

    get_in(folder, file.name, trusting(certificates.authority))
    get_in(folder, file.name, trusting(certificates.authority, certificates.client))
    client = trusting(certificates.authority, certificates.client2)
    stay_out(folder, file.name, client, Refusal.HANDSHAKE_FAILED, "UNKNOWN_CA")


def test_without_an_authority_of_ours_the_systems_count(folder: Path, certificates: Certificates) -> None:
    case = "web_config_noAuth.good.yml"

    get_in(folder, case, trusting(certificates.authority))
    client = trusting(certificates.authority, certificates.client)
    stay_out(folder, case, client, Refusal.HANDSHAKE_FAILED, "UNKNOWN_CA")


def test_a_certificate_of_one_of_the_systems_authorities_gets_in(
    folder: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "client_selfsigned.pem"))

    get_in(folder, "web_config_noAuth.good.yml", trusting(certificates.authority, certificates.client))


def test_a_requested_certificate_is_never_looked_at(folder: Path, certificates: Certificates) -> None:
    file = folder / "requested.yml"
    file.write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_auth_type: RequestClientCert}"
    )

    get_in(folder, file.name, trusting(certificates.authority, certificates.client2))


def test_an_expired_client_certificate_stays_out(folder: Path, certificates: Certificates) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "client_selfsigned.pem"))
    now = datetime.now(UTC)
    expired = authority.issue_cert("x", not_before=now - timedelta(days=2), not_after=now - timedelta(days=1))

    stay_out(
        folder,
        "tls_config_noAuth.requireandverifyclientcert.good.yml",
        trusting(certificates.authority, expired),
        Refusal.HANDSHAKE_FAILED,
        "CERTIFICATE_EXPIRED",
    )


def test_a_name_that_is_allowed_gets_in_and_another_stays_out(folder: Path, certificates: Certificates) -> None:
    client = trusting(certificates.authority, certificates.client2)

    get_in(folder, "web_config_auth_client_san.good.yaml", client)
    be_forbidden(folder, "web_config_auth_client_san.bad.yaml", client)


def test_names_without_a_certificate_stay_out(folder: Path, certificates: Certificates) -> None:
    file = folder / "names-if-given.yml"
    file.write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: client2_selfsigned.pem,"
        " client_auth_type: VerifyClientCertIfGiven, client_allowed_sans: [test3]}"
    )

    get_in(folder, file.name, trusting(certificates.authority, certificates.client2))
    be_forbidden(folder, file.name, trusting(certificates.authority))


def test_who_is_not_allowed_is_cut_soon(folder: Path, certificates: Certificates) -> None:
    """Also a client that neither asks nor closes."""

    def meet(port: int) -> bytes:
        client = trusting(certificates.authority, certificates.client2)
        raw = socket.create_connection(("127.0.0.1", port))
        with client.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False) as tls:
            received = tls.recv(1000)
            while tls.recv(1000):
                pass
            with socket.socket(fileno=os.dup(tls.fileno())) as beneath:
                beneath.settimeout(10)
                while beneath.recv(1000):
                    pass
            return received

    async def trial(site: Site) -> None:
        assert (await asyncio.to_thread(meet, site.port)).startswith(b"HTTP/1.1 403 ")
        assert site.refusals == [Refusal.CLIENT_NOT_ALLOWED]

    run(trial, folder / "web_config_auth_client_san.bad.yaml", limits=dataclasses.replace(PATIENT, linger_timeout=SOON))


@pytest.mark.parametrize("name", ["192.0.2.7", "2001:db8::7"])
def test_addresses_are_names_as_go_writes_them(name: str, folder: Path, certificates: Certificates) -> None:
    file = folder / "address.yml"
    text = (folder / "web_config_auth_client_san.bad.yaml").read_text()
    file.write_text(text.replace('"bad"', f'"{name}"'))

    get_in(folder, file.name, trusting(certificates.authority, certificates.client2))


def test_every_kind_of_name_counts() -> None:
    kinds = (
        ("DNS", "a.example"),
        ("email", "a@b.example"),
        ("URI", "spiffe://a/b"),
        ("IP Address", "0:0:0:0:0:FFFF:C000:207"),
    )

    assert alternative_names({"subjectAltName": kinds}) == {"a.example", "a@b.example", "spiffe://a/b", "192.0.2.7"}
    assert alternative_names({}) == frozenset()


def converse(port: int, client: ssl.SSLContext, session: ssl.SSLSession | None) -> tuple[bool | None, ssl.SSLSession]:
    """Ask on a connection that goes on with a session, if any, and close it as one should; return that of this one."""
    with client.wrap_socket(
        socket.create_connection(("127.0.0.1", port)), server_hostname="localhost", session=session
    ) as tls:
        tls.sendall(GET.replace(b"Host:", b"Connection: close\r\nHost:"))
        received = b""
        while data := tls.recv(1000):
            received += data
        assert received.endswith(b"/hello")
        found = tls.session_reused, tls.session
        tls.unwrap()
    assert found[1] is not None
    return found[0], found[1]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_outlives_the_files_that_admitted_it(
    version: ssl.TLSVersion, folder: Path, certificates: Certificates
) -> None:
    client = trusting(certificates.authority, certificates.client)
    client.maximum_version = version

    async def trial(site: Site) -> None:
        _, session = await asyncio.to_thread(converse, site.port, client, None)
        assert not session.has_ticket
        reused, _ = await asyncio.to_thread(converse, site.port, client, session)
        assert not reused or version is ssl.TLSVersion.TLSv1_2  # by its id, which Python cannot forbid
        (folder / "client2_selfsigned.pem").replace(folder / "client_selfsigned.pem")
        with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
            await asyncio.to_thread(converse, site.port, client, session)

    run(trial, folder / "tls_config_noAuth.requireandverifyclientcert.good.yml")


# Whom alerts reach.

ECDSA_ONLY = (
    "tls_server_config: {cert_file: server.crt, key_file: server.key, max_version: TLS12,"
    " cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]}"
)
"""Suites that do not go with the certificate: a client in memory fails to shake hands."""

JUNK = b"\x16\x03\x01\x00\x05junk!"
"""Ends a handshake with an alert."""


def test_a_connection_goes_on_when_its_request_finds_files_that_clients_would_refuse(
    folder: Path, certificates: Certificates
) -> None:
    file = folder / "web_config_noAuth.good.yml"

    async def trial(site: Site) -> None:
        client = await site.connect(trusting(certificates.authority))
        file.write_text(ECDSA_ONLY)
        for _ in range(2):
            client.send(GET)
            assert await client.answer() == (200, b"/hello")
        assert site.loads == [True]

    run(trial, file)


def shake_hands_with_junk(context: ssl.SSLContext) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(JUNK)
    with pytest.raises(ssl.SSLError):
        context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()


def test_an_alert_reaches_the_connection_that_shakes_hands_and_no_other() -> None:
    context = AlertingContext(ssl.PROTOCOL_TLS_SERVER)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        with alerts_reach(ours):
            inherited = contextvars.copy_context()  # as asyncio's callbacks and tasks of a connection do
            shake_hands_with_junk(context)
            assert theirs.recv(100).startswith(b"\x15")
            shake_hands_with_junk(context)
        with alerts_reach(ours):
            unused = contextvars.copy_context()
        for where in (inherited, unused, contextvars.copy_context()):
            where.run(shake_hands_with_junk, context)
        with pytest.raises(BlockingIOError):
            theirs.recv(100)


def test_a_trial_of_our_own_certificate_reaches_nobody(folder: Path) -> None:
    (folder / "ecdsa.yml").write_text(ECDSA_ONLY)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        with alerts_reach(ours):
            load_access(folder / "ecdsa.yml")
        with pytest.raises(BlockingIOError):
            theirs.recv(100)


# The bounds of handshakes.


def test_a_handshake_that_is_never_made_is_cut(folder: Path) -> None:
    async def trial(site: Site) -> None:
        silent, begun = await site.connect(), await site.connect()
        begun.send(b"\x16\x03\x01\x02\x00")
        await silent.closed()
        await begun.closed()
        assert site.refusals == [Refusal.HANDSHAKE_TIMEOUT] * 2

    run(trial, folder / "web_config_noAuth.good.yml", limits=Limits(handshake_timeout=SOON))


def test_handshakes_under_way_count_as_connections(folder: Path, certificates: Certificates) -> None:
    async def trial(site: Site) -> None:
        stalled = await site.connect()
        stalled.send(b"\x16")
        open_one = await site.connect(trusting(certificates.authority))
        await site.connect()
        await stalled.closed()
        assert site.refusals == [Refusal.TOO_MANY_CONNECTIONS]
        open_one.send(GET)
        assert await open_one.answer() == (200, b"/hello")

    run(trial, folder / "web_config_noAuth.good.yml", limits=Limits(handshake_timeout=NEVER, max_connections=2))


def test_a_flood_of_handshakes_leaves_no_more_than_the_cap(folder: Path) -> None:
    async def trial(site: Site) -> None:
        clients = await asyncio.gather(*(site.connect() for _ in range(40)))
        closed = {asyncio.create_task(client.closed()) for client in clients}
        while len(closed) > 2:
            _, closed = await asyncio.wait(closed, return_when=asyncio.FIRST_COMPLETED)
        for survivor in closed:
            survivor.cancel()
        assert site.refusals == [Refusal.TOO_MANY_CONNECTIONS] * 38

    run(trial, folder / "web_config_noAuth.good.yml", limits=Limits(handshake_timeout=NEVER, max_tls_connections=2))


def test_stopping_cuts_handshakes_and_closes_connections(folder: Path, certificates: Certificates) -> None:
    async def trial(site: Site) -> None:
        idle = await site.connect(trusting(certificates.authority))
        stalled = await site.connect()
        stalled.send(b"\x16\x03")
        ends = asyncio.gather(idle.closed(), stalled.closed())
        await site.server.stop(grace=1)
        assert list(await ends) == [b"", b""]
        with pytest.raises(ConnectionRefusedError):
            await site.connect()

    run(trial, folder / "web_config_noAuth.good.yml", limits=Limits(handshake_timeout=NEVER))


def test_a_client_that_takes_no_answer_is_cut(folder: Path, certificates: Certificates) -> None:
    async def trial(site: Site) -> None:
        client = await site.connect(trusting(certificates.authority))
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        while not site.refusals:
            client.send(b"GET /" + b"x" * 8000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(0.001)
        assert set(site.refusals) <= {Refusal.WRITE_TIMEOUT, Refusal.TOO_MANY_PIPELINED}

    run(trial, folder / "web_config_noAuth.good.yml", limits=Limits(write_timeout=SOON))


def test_without_file_descriptors_it_waits_and_goes_on(
    folder: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.web.tls_accept._PAUSE_SECONDS", 0.01)

    async def trial(site: Site) -> None:
        loop = asyncio.get_running_loop()
        accept, failures = loop.sock_accept, iter([errno.EMFILE, errno.ECONNABORTED, errno.ENFILE])

        async def failing(sock: socket.socket) -> tuple[socket.socket, object]:
            for number in failures:
                raise OSError(number, os.strerror(number))
            return await accept(sock)

        monkeypatch.setattr(loop, "sock_accept", failing)
        with structlog.testing.capture_logs() as logs:
            for _ in range(2):  # the first is accepted by the call that was under way
                assert await site.get(trusting(certificates.authority)) == (200, b"/hello")
        assert [entry["problem"] for entry in logs] == ["Too many open files", "Too many open files in system"]

    run(trial, folder / "web_config_noAuth.good.yml")


# What is said at the start.


def test_what_this_openssl_lacks_is_a_problem_of_the_configuration(folder: Path) -> None:
    tls = load_web(folder / "web_config_noAuth.good.yml").tls
    assert tls is not None

    for lacking in (dataclasses.replace(tls, ciphers=("none",)), dataclasses.replace(tls, curves=("none",))):
        with pytest.raises(ConfigError, match="a cipher suite or curve that this OpenSSL lacks"):
            server_context(lacking)


def test_a_suite_that_few_clients_offer_is_nothing_to_warn_of(folder: Path) -> None:
    (folder / "cbc.yml").write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key, max_version: TLS12,"
        " cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA]}\nhttp_server_config: {http2: false}"
    )

    with structlog.testing.capture_logs() as logs:
        load_access(folder / "cbc.yml")

    assert logs == []


def test_suites_that_do_not_fit_the_certificate_are_warned_of(folder: Path) -> None:
    (folder / "ecdsa.yml").write_text(ECDSA_ONLY)

    with structlog.testing.capture_logs() as logs:
        load_access(folder / "ecdsa.yml")

    assert [entry["event"] for entry in logs] == [
        "clients will refuse the server's certificate: no client can agree with it: NO_SHARED_CIPHER"
    ]


def test_clients_that_would_refuse_the_certificate_are_foretold(folder: Path, certificates: Certificates) -> None:
    def foretold() -> str | None:
        access = load_access(folder / "web_config_noAuth.good.yml")
        assert access.context is not None and access.config.tls is not None
        return refused_by_clients(access.context, access.config.tls.certificate)

    now = datetime.now(UTC)
    assert foretold() is None
    day = timedelta(days=1)
    expired = certificates.authority.issue_cert("localhost", not_before=now - 2 * day, not_after=now - day)
    write_pair(expired, folder / "server.crt", folder / "server.key")
    assert foretold() == "certificate has expired"
    early = certificates.authority.issue_cert("localhost", not_before=now + day, not_after=now + 2 * day)
    write_pair(early, folder / "server.crt", folder / "server.key")
    assert foretold() == "certificate is not yet valid"
