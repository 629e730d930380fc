"""``vlmrun-exporter alerts test`` where Alertmanager is not reached, refuses, or is something else."""

from __future__ import annotations

import base64
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from exporter.alerts.alertmanager import MAX_ANSWER
from tests.alerts.receiving import Answer, Webhook, proxy, webhook
from tests.alerts.testruns import alerts_test, configuration, running, started
from tests.e2e.host import free_port
from tests.e2e.process import environment, run
from tests.e2e.waiting import until

PASSWORD = "p4ss-w0rd-9b1e"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as running:
        yield running


def failed(end: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that a run that could not be left."""
    assert (end.returncode, end.stdout) == (1, "")
    (line,) = end.stderr.splitlines()
    return line.removeprefix("vlmrun-exporter: ")


def test_a_prefix_and_a_password_in_the_url(hook: Webhook, tmp_path: Path) -> None:
    basic = "Basic " + base64.b64encode(f"ops:{PASSWORD}".encode()).decode()
    with (
        running(tmp_path, configuration(hook)) as server,
        proxy(server.url, prefix="/alertmanager", authorization=basic) as url,
    ):
        host = url.removeprefix("http://")
        good = alerts_test(tmp_path, f"http://ops:{PASSWORD}@{host}/")
        refused = alerts_test(tmp_path, f"http://ops:{PASSWORD}x@{host}")
        elsewhere = alerts_test(tmp_path, f"http://ops:{PASSWORD}@{host.partition('/')[0]}")
    assert (good.returncode, good.stderr) == (0, "")
    assert f" at {url}\n" in good.stdout
    assert failed(refused) == (
        f"{url}/api/v2/status answers 401: the URL needs the right user and password, as in https://USER:PASSWORD@HOST"
    )
    assert failed(elsewhere) == (
        f"{url.removesuffix('/alertmanager')}/api/v2/status answers 404: "
        "if Alertmanager has a route prefix, it belongs into the URL, as in http://HOST:9093/alertmanager"
    )
    assert PASSWORD not in "".join(end.stdout + end.stderr for end in (good, refused, elsewhere))


def test_without_metrics_the_rest_is_still_told(hook: Webhook, tmp_path: Path) -> None:
    with (
        running(tmp_path, configuration(hook)) as server,
        proxy(server.url, instead={"GET /metrics": Answer(404, b"")}) as url,
    ):
        end = alerts_test(tmp_path, url, wait="2s")
    assert end.returncode == 1
    assert "critical  received, active\n" in end.stdout
    assert f"  what was sent can't be told, look at the receivers ({url}/metrics answers 404" in end.stdout
    assert len(hook.of("pager")) == 1


def test_what_alertmanager_takes_its_time_for_is_waited_for(hook: Webhook, tmp_path: Path) -> None:
    late = {"GET /api/v2/alerts/groups": Answer(200, b"[]", times=3)}
    with running(tmp_path, configuration(hook)) as server, proxy(server.url, instead=late) as url:
        end = alerts_test(tmp_path, url)
    assert end.returncode == 0
    assert "for these notifications: webhook 2\n" in end.stdout


def test_a_refusal_is_said_in_alertmanagers_words(hook: Webhook, tmp_path: Path) -> None:
    refusal = Answer(400, b'"invalid label set:\\n too long"')
    with (
        running(tmp_path, configuration(hook)) as server,
        proxy(server.url, instead={"POST /api/v2/alerts": refusal}) as url,
    ):
        end = alerts_test(tmp_path, url)
    assert end.returncode == 1
    assert end.stderr == f"vlmrun-exporter: {url}/api/v2/alerts answers 400: invalid label set: too long\n"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(200, b"<html>Hello", "text/html"), "answers with something that is not JSON: is that Alertmanager?"),
        (Answer(200, b"[]"), "does not answer as Alertmanager does: Expected `object`, got `array`"),
        (
            Answer(200, b'{"versionInfo": {"version": "1"}, "cluster": {}, "config": {"original": "receivers: ["}}'),
            "holds a configuration that cannot be read",
        ),
        (
            Answer(302, b"", location="https://login.example/?token=x"),
            "answers 302, a redirect, which is not followed: the URL has to be the final one",
        ),
        (Answer(200, b" " * (MAX_ANSWER + 1)), "answers with more than 33554432 bytes"),
        (Answer(502, b"<html><b>Bad\ngateway</b></html>", "text/html"), "answers 502: Bad gateway"),
    ],
    ids=["html", "another JSON", "bad configuration", "redirect", "too long", "bad gateway"],
)
def test_what_is_no_alertmanager(answer: Answer, message: str, tmp_path: Path) -> None:
    with proxy("http://127.0.0.1:9", instead={"GET /api/v2/status": answer}) as url:
        end = alerts_test(tmp_path, url)
    separator = "" if message.startswith(",") else " "
    assert failed(end) == f"{url}/api/v2/status{separator}{message}"


def test_nobody_listens(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    end = alerts_test(tmp_path, f"http://ops:{PASSWORD}@{address}")
    assert failed(end) == f"http://{address}/api/v2/status cannot be reached: Connection refused"


def test_no_answer_in_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        end = alerts_test(tmp_path, url, "--alertmanager.timeout=300ms")
    assert failed(end) == f"{url}/api/v2/status did not answer within 0.3 s"


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    answer = Answer(503, b"starting")
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    with proxy("http://127.0.0.1:9", instead={"GET /api/v2/status": answer}, tls=context) as url:
        refused = alerts_test(tmp_path, url)
        environ = environment(SSL_CERT_FILE=str(trusted))
        reached = run("alerts", "test", f"--alertmanager.url={url}", cwd=tmp_path, environ=environ)
    assert failed(refused).startswith(f"{url}/api/v2/status cannot be reached: certificate verification failed: ")
    assert failed(reached) == f"{url}/api/v2/status answers 503: starting"


def test_an_interrupted_test_leaves_no_alerts(hook: Webhook, tmp_path: Path) -> None:
    with running(tmp_path, configuration(hook, group_wait="1h")) as server:
        with started(server, wait="1h") as process:
            until(lambda: len(server.alerts()) == 3, 60.0, "the alerts are there")
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert errors == "vlmrun-exporter: interrupted; test alerts that were sent are resolved, or end by themselves\n"
        until(lambda: server.alerts() == [], 60.0, "the alerts are gone")
