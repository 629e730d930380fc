from __future__ import annotations

import asyncio
import re
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from exporter.api.decode import Decoder
from exporter.models import FailureReason, Page, PollError
from tests.e2e.process import KEY, Exporter, configuration, write
from tests.e2e.standin import Standin, standin
from tests.e2e.waiting import until
from tests.proof import truncation, wire
from tests.proof.certificates import Certificates
from tests.proof.conftest import Proven
from tests.proof.proxy import Fault, Proxy, Reply, Wire, faithful, open_door
from tests.proof.truncation import LISTS, client, source
from tests.proof.wire import FAILURES
from tests.proof.wirefaults import PATIENCE, Affliction, Threshold, afflictions, thresholds

NAME = "executions"

AMPLE = 20.0
"""Seconds: the timeout where none is to be met, enough for many MiB on a busy machine."""


@pytest.fixture(scope="module")
def still() -> Iterator[Standin]:
    """Run a stand-in whose time stands still, so that a page stays what it is."""
    with standin(rate=1.0, history=120.0, seed=3) as running:
        running.clock.stop()
        yield running


def poll(proxy: Proxy, timeout: float = AMPLE) -> Page | PollError:
    """Ask for one page, once, by the real client."""

    async def ask() -> Page | PollError:
        async with client(proxy.url(), timeout=timeout) as api:
            try:
                response = await api.get(LISTS[NAME], {"limit": 20})
                return Decoder(source(NAME)).decode(response.body, 0)
            except PollError as error:
                return error

    return asyncio.run(ask())


def patience(reason: FailureReason | None) -> float:
    """Return the client's timeout for what must fail for ``reason``."""
    return PATIENCE if reason is FailureReason.TIMEOUT else AMPLE


def test_there_are_as_many_faults_of_the_wire_as_is_claimed() -> None:
    answers, connections = afflictions(Random(1)), thresholds()
    assert (len(answers), len([answer for answer in answers if answer.reason is None])) == (56, 7)
    assert len(connections) == 4
    assert len(wire.Weather(Counter(), Random(1)).names) == 56 + 4 + 1  # connections that are refused


@pytest.mark.parametrize("affliction", afflictions(Random(5)), ids=lambda affliction: affliction.name)
def test_every_spoilt_answer_is_a_page_or_the_fitting_failure(still: Standin, affliction: Affliction) -> None:
    with Proxy(still.url).run() as proxy:
        whole = poll(proxy)
        assert isinstance(whole, Page) and len(whole.rows) == 20
        proxy.switch.faults["/v1" + LISTS[NAME]] = affliction.fault
        outcome = poll(proxy, patience(affliction.reason))
        if affliction.reason is None:
            assert outcome == whole
        else:
            assert isinstance(outcome, PollError)
            assert outcome.reason is affliction.reason, str(outcome)
            assert KEY not in str(outcome)
        assert proxy.struck[affliction.name] == 1
        proxy.switch.faults.clear()
        assert poll(proxy) == whole


@pytest.mark.parametrize("threshold", thresholds(), ids=lambda threshold: threshold.name)
def test_every_spoilt_connection_is_the_fitting_failure(still: Standin, threshold: Threshold) -> None:
    with Proxy(still.url).run() as proxy:
        proxy.switch.front = threshold.front
        outcome = poll(proxy, patience(threshold.reason))
        assert isinstance(outcome, PollError)
        assert outcome.reason is threshold.reason, str(outcome)
        assert not proxy.requests


def test_the_proxy_itself_changes_nothing(still: Standin) -> None:
    async def straight() -> Page:
        async with client(still.url) as api:
            response = await api.get(LISTS[NAME], {"limit": 20})
            return Decoder(source(NAME)).decode(response.body, 0)

    with Proxy(still.url).run() as proxy:
        proxy.switch.faults["/v1" + LISTS[NAME]] = faithful
        assert poll(proxy) == asyncio.run(straight())
        assert not proxy.struck


def test_a_page_cut_at_any_byte_is_never_a_part_of_a_page(still: Standin, proven: Proven) -> None:
    figures = truncation.run(still.url, thorough=False)
    proven(figures)
    assert figures.faults > 3_000


def test_every_row_is_counted_once_through_every_fault_of_the_wire(proven: Proven) -> None:
    figures = wire.run(seconds=5.0, seed=11)
    proven(figures)
    assert figures.rows > 200
    assert figures.faults > 50


def test_a_refused_connection_is_a_fault_only_once_it_was_noticed(still: Standin, tmp_path: Path) -> None:
    with Proxy(still.url).run() as proxy:
        silent = tmp_path / "of-nobody.log"
        silent.write_text("Connection refused, but long ago", encoding="ascii")
        with pytest.raises(AssertionError, match="a poll fails because connections are refused"):
            wire.refuse(proxy, silent, seconds=0.1)
        assert not proxy.struck
        assert isinstance(poll(proxy), Page)
        with Exporter(write(tmp_path / "config.yaml", configuration(proxy.url(), tmp_path))) as exporter:
            exporter.ready()
            wire.refuse(proxy, exporter.log_file)
            assert exporter.scrape().sum(FAILURES, reason="connection") >= 1
        assert proxy.struck == {wire.REFUSED: 1}


# TLS and redirects, by the real exporter


def secured(url: str, folder: Path, ca_file: Path) -> Path:
    """Write a configuration that polls ``url`` and trusts ``ca_file``."""
    document = configuration(url, folder, poll={"interval": "200ms", "timeout": "2s"})
    document["accounts"][0]["ca_file"] = str(ca_file)
    return write(folder / "config.yaml", document)


def source_up(exporter: Exporter) -> int:
    """How many lists are up: found, not parsed, since it is asked for all the time."""
    return len(re.findall(r"^vlmrun_exporter_source_up\{.*\} 1$", exporter.get("/metrics").text, re.MULTILINE))


def test_no_wrong_certificate_is_spoken_to_and_the_right_one_works_without_a_restart(
    still: Standin, tmp_path: Path
) -> None:
    certificates = Certificates()
    with Proxy(still.url).run() as proxy:
        proxy.switch.tls = certificates.right
        config = secured(proxy.url("https"), tmp_path, certificates.write(tmp_path / "ca.pem"))
        with Exporter(config) as exporter:
            exporter.ready()
            until(lambda: source_up(exporter) == 3, 60.0, "the right certificate is trusted")
            for wrong in certificates.wrong():
                proxy.switch.tls = wrong.context
                proxy.hang_up()  # the certificate is another one from one request to the next
                until(lambda: source_up(exporter) == 0, 60.0, f"{wrong.name} is refused")
                asked, connections = len(proxy.requests), proxy.connections
                until(lambda: proxy.connections > connections + 3, 60.0, f"{wrong.name} is refused again")  # noqa: B023
                assert len(proxy.requests) == asked
                said = f"certificate verification failed for 127.0.0.1:{proxy.port}: {wrong.said}"
                assert said in exporter.logs
                assert "check ca_file and the server's certificate" in exporter.logs
                proxy.switch.tls = certificates.right
                until(lambda: source_up(exporter) == 3, 60.0, f"the right certificate works after {wrong.name}")
            assert exporter.scrape().value(FAILURES, source=NAME, reason="connection") >= 5
            assert KEY not in exporter.logs


def test_another_authority_is_trusted_by_a_reload(still: Standin, tmp_path: Path) -> None:
    mine, theirs = Certificates(), Certificates()
    with Proxy(still.url).run() as proxy:
        proxy.switch.tls = theirs.right
        ca_file = mine.write(tmp_path / "ca.pem")
        with Exporter(secured(proxy.url("https"), tmp_path, ca_file)) as exporter:
            exporter.ready()
            assert source_up(exporter) == 0
            assert not proxy.requests
            theirs.write(ca_file)
            exporter.send(signal.SIGHUP)
            until(lambda: source_up(exporter) == 3, 60.0, "the other authority is trusted")


async def cut_handshake(wire: Wire) -> bool:
    """End a connection in the middle of the handshake."""
    await wire.reader.readexactly(5)
    wire.reset()
    return False


def test_a_handshake_that_fails_sends_no_key_and_passes(still: Standin, tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def plain(wire: Wire) -> bool:
        """Answer a handshake in plain HTTP, and listen to what else is said."""
        heard.append(await wire.reader.read(65536))
        await wire.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        heard.append(await wire.reader.read(65536))
        return False

    certificates = Certificates()
    with Proxy(still.url).run() as proxy:
        config = secured(proxy.url("https"), tmp_path, certificates.write(tmp_path / "ca.pem"))
        proxy.switch.tls = certificates.right
        with Exporter(config) as exporter:
            exporter.ready()
            for front, said in ((cut_handshake, "Connection reset by peer"), (plain, "could not connect to")):
                until(lambda: source_up(exporter) == 3, 60.0, "all is well before")
                proxy.switch.front = front
                proxy.hang_up()
                until(lambda: source_up(exporter) == 0, 60.0, f"{front.__name__} is noticed")
                assert said in exporter.logs
                proxy.switch.front = open_door
            until(lambda: source_up(exporter) == 3, 60.0, "all is well again")
    assert heard
    assert all(KEY.encode() not in data and b"Bearer" not in data for data in heard)


def test_tls_where_plain_http_is_configured_is_a_connection_failure(still: Standin) -> None:
    with Proxy(still.url).run() as proxy:
        proxy.switch.tls = Certificates().right
        outcome = poll(proxy)
        assert isinstance(outcome, PollError)
        assert outcome.reason is FailureReason.CONNECTION
        assert not proxy.requests


def test_a_redirect_takes_the_key_to_no_other_host(still: Standin, tmp_path: Path) -> None:
    def redirect(status: int) -> Fault:
        async def strike(reply: Reply, wire: Wire) -> None:
            await wire.send(reply.having(b"HTTP/1.1 %d Moved" % status, location=elsewhere.url().encode()).raw)

        return strike

    with Proxy(still.url).run() as proxy, Proxy(still.url).run() as elsewhere:
        config = write(tmp_path / "config.yaml", configuration(proxy.url(), tmp_path))
        with Exporter(config) as exporter:
            exporter.ready()
            for status in (301, 302, 307, 308):
                until(lambda: source_up(exporter) == 3, 60.0, f"all is well before {status}")
                proxy.switch.faults = {f"/v1{path}": redirect(status) for path in LISTS.values()}
                until(lambda: source_up(exporter) == 0, 60.0, f"{status} is noticed")
                assert f"redirects ({status}) to 127.0.0.1; none is followed" in exporter.logs
                proxy.switch.faults = {}
            assert exporter.scrape().value(FAILURES, source=NAME, reason="redirect") >= 4
        assert proxy.requests
        assert elsewhere.connections == 0
