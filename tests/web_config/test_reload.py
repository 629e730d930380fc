"""Files that change under a running server: certificates are rotated, users come and go, and what is bad stays out."""

from __future__ import annotations

import errno
import os
import resource
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog.testing
import trustme

from exporter.config import ConfigError
from exporter.web.access import AccessFile
from tests.clocks import FakeClock
from tests.trials import GET
from tests.web_config.folder import Certificates, write_pair
from tests.web_config.trials import Site, run, served, trusting

TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"


def issue(certificates: Certificates) -> trustme.LeafCert:
    """A successor of the server's certificate."""
    return certificates.authority.issue_cert("localhost", "127.0.0.1")


async def shown(site: Site, certificates: Certificates) -> bytes:
    """The certificate that a new connection meets."""
    return served(await site.connect(trusting(certificates.authority)))


def test_a_new_certificate_is_shown_to_new_connections_and_old_ones_go_on(
    folder: Path, certificates: Certificates
) -> None:
    async def trial(site: Site) -> None:
        client = await site.connect(trusting(certificates.authority))
        before = served(client)
        write_pair(issue(certificates), folder / "server.crt", folder / "server.key")

        after = await shown(site, certificates)

        assert after != before
        assert await shown(site, certificates) == after
        client.send(GET)
        assert await client.answer() == (200, b"/hello")
        assert site.loads == [True]

    run(trial, folder / "web_config_noAuth.good.yml")


def test_a_rotation_in_two_steps_is_never_seen_by_clients(folder: Path, certificates: Certificates) -> None:
    async def trial(site: Site) -> None:
        before = await shown(site, certificates)
        successor = issue(certificates)
        chain = b"".join(blob.bytes() for blob in successor.cert_chain_pems)

        with structlog.testing.capture_logs() as logs:
            for content in (b"", chain[:100], chain):  # as they are while somebody copies
                (folder / "server.crt").write_bytes(content)
                assert await shown(site, certificates) == before
                assert await shown(site, certificates) == before
            assert site.loads == [False] * 3
            assert site.access.problem is not None and "does not belong to the certificate" in site.access.problem
            (folder / "server.key").write_bytes(successor.private_key_pem.bytes())
            assert await shown(site, certificates) != before

        assert site.access.problem is None
        assert site.loads == [False, False, False, True]
        # The first two are the same problem, hence told once.
        assert [entry["log_level"] for entry in logs] == ["error", "error", "info"]
        assert "PRIVATE" not in str(logs)

    run(trial, folder / "web_config_noAuth.good.yml")


def test_kubernetes_swaps_the_folder_that_a_secret_is_in(tmp_path: Path, certificates: Certificates) -> None:
    def revision(name: str, leaf: trustme.LeafCert) -> None:
        target = tmp_path / name
        target.mkdir()
        write_pair(leaf, target / "server.crt", target / "server.key")
        for file in target.iterdir():  # same sizes and times: only the files are others
            os.utime(file, (0, 0))
        (tmp_path / "..data_tmp").symlink_to(name)
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")

    revision("..1", certificates.server)
    for name in ("server.crt", "server.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    file = tmp_path / "web.yml"
    file.write_text(TLS)

    async def trial(site: Site) -> None:
        before = await shown(site, certificates)
        revision("..2", issue(certificates))
        assert await shown(site, certificates) != before
        assert site.loads == [True]

    run(trial, file)


def test_a_file_that_vanishes_leaves_what_it_said_in_force(folder: Path, certificates: Certificates) -> None:
    file = folder / "web_config_noAuth.good.yml"

    async def trial(site: Site) -> None:
        before = await shown(site, certificates)
        file.unlink()
        assert await shown(site, certificates) == before
        (folder / "server.key").unlink()
        file.write_text(TLS)
        assert await shown(site, certificates) == before
        assert site.loads == [False, False]
        assert site.access.problem is not None and "can't be read: No such file" in site.access.problem

    run(trial, file)


def test_a_client_authority_is_replaced(folder: Path, certificates: Certificates) -> None:
    async def trial(site: Site) -> None:
        first, second = (
            trusting(certificates.authority, identity) for identity in (certificates.client, certificates.client2)
        )
        assert await site.get(first) == (200, b"/hello")
        (folder / "client2_selfsigned.pem").replace(folder / "client_selfsigned.pem")
        assert await site.get(second) == (200, b"/hello")
        with pytest.raises((OSError, EOFError)):
            await site.get(first)

    run(trial, folder / "tls_config_noAuth.requireandverifyclientcert.good.yml")


def test_tls_is_not_switched_on_or_off(folder: Path, certificates: Certificates) -> None:
    file = folder / "web.yml"

    async def encrypted(site: Site) -> None:
        file.write_text("")
        assert await site.get(trusting(certificates.authority)) == (200, b"/hello")
        assert site.access.problem == f"{file}: TLS cannot be switched on or off by a reload: restart the exporter"

    async def plain(site: Site) -> None:
        file.write_text(TLS)
        assert await site.get() == (200, b"/hello")
        assert site.access.problem == f"{file}: TLS cannot be switched on or off by a reload: restart the exporter"

    file.write_text(TLS)
    run(encrypted, file)
    file.write_text("")
    run(plain, file)


def test_headers_change_from_one_request_to_the_next(folder: Path) -> None:
    file = folder / "web_config_headers.good.yml"

    async def trial(site: Site) -> None:
        client = await site.connect()
        client.send(GET)
        assert b"\r\nx-frame-options: deny\r\n" in await client.reader.readuntil(b"\r\n\r\n")
        await client.reader.readexactly(len("/hello"))
        file.write_text("http_server_config: {headers: {X-Frame-Options: sameorigin}}")
        client.send(GET)
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert b"\r\nx-frame-options: sameorigin\r\n" in head
        assert b"strict-transport-security" not in head

    run(trial, file)


def test_a_reload_tells_what_is_wrong_each_time_and_logs_it_once(folder: Path) -> None:
    file = folder / "web_config_empty.yml"
    access = AccessFile(file, monotonic=FakeClock().monotonic)
    file.write_text("basic_auth_users: {alice: not-shown}")

    with structlog.testing.capture_logs() as logs:
        problems = {access.reload(), access.reload(), access.problem}

    assert problems == {
        f"{file}:1: basic_auth_users.alice: is not a bcrypt hash"
        " (allowed: what `htpasswd -nBC 10 USER` prints after the colon)"
    }
    assert len(logs) == 1
    assert access.current().config.users == {}


def test_a_start_with_a_bad_file_is_none(folder: Path) -> None:
    with pytest.raises(ConfigError):
        AccessFile(folder / "web_config_junk.yml", monotonic=FakeClock().monotonic)


def test_files_that_have_not_changed_are_not_read_again(folder: Path) -> None:
    loads: list[bool] = []
    access = AccessFile(folder / "web_config_noAuth.good.yml", loads.append, monotonic=FakeClock().monotonic)

    assert access.current() is access.current()
    assert loads == []


# What is wrong with the machine, not with the files: these look the same when it is over.


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Take all file descriptors but ``count`` of at most 256."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    taken: list[int] = []
    try:
        while (descriptor := _open_one()) is not None:
            taken.append(descriptor)
        for _ in range(count):
            os.close(taken.pop())
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _open_one() -> int | None:
    try:
        return os.open(os.devnull, os.O_RDONLY)
    except OSError as error:
        assert error.errno == errno.EMFILE
        return None


@pytest.mark.parametrize("count", [0, 1, 2], ids=lambda count: f"{count} left")
def test_a_rotation_without_file_descriptors_is_made_up_for(
    count: int, folder: Path, certificates: Certificates
) -> None:
    loads: list[bool] = []
    clock = FakeClock()
    access = AccessFile(folder / "web_config_noAuth.good.yml", loads.append, monotonic=clock.monotonic)
    before = access.current()
    write_pair(issue(certificates), folder / "server.crt", folder / "server.key")

    with descriptors_left(count):
        assert access.current() is before
    assert access.problem is not None and "Too many open files" in access.problem
    clock.advance(4.9)
    assert access.current() is before
    clock.advance(0.2)

    assert access.current() is not before
    assert access.problem is None
    assert loads == [False, True]


@pytest.mark.parametrize("error", [ssl.SSLError(1, "internal error"), MemoryError()], ids=["OpenSSL", "memory"])
def test_whatever_fails_is_told_and_tried_again(
    error: Exception, folder: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    access = AccessFile(folder / "web_config_noAuth.good.yml", monotonic=clock.monotonic)
    before = access.current()
    write_pair(issue(certificates), folder / "server.crt", folder / "server.key")

    def failing(*_: object) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr("exporter.web.access.server_context", failing)
        assert access.current() is before
    assert access.problem is not None and "can't be put in force: " in access.problem
    clock.advance(5)

    assert access.current() is not before
    assert access.problem is None


def test_a_start_that_meets_such_an_error_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("exporter.web.access.server_context", failing)

    with pytest.raises(ConfigError, match=r"good\.yml: can't be put in force: Cannot allocate memory$"):
        AccessFile(folder / "web_config_noAuth.good.yml", monotonic=FakeClock().monotonic)


def test_bad_files_are_tried_now_and_then_and_told_once(folder: Path) -> None:
    file = folder / "web_config_empty.yml"
    loads: list[bool] = []
    clock = FakeClock()
    access = AccessFile(file, loads.append, monotonic=clock.monotonic)
    file.write_text(f"{TLS}rate_limit: {{interval: 1s}}")  # odd besides, which is nobody's business before it counts

    with structlog.testing.capture_logs() as logs:
        for _ in range(120):
            access.current()
            clock.advance(0.25)

    assert loads == [False] * 6  # at 0, 5, ... 25 s
    assert [entry["log_level"] for entry in logs] == ["error"]
