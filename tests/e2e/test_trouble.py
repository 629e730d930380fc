"""What goes wrong upstream stays upstream: the exporter runs on, and says in every place what is the matter."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.host import free_port
from tests.e2e.process import KEY, Exporter, configuration, environment, write
from tests.e2e.standin import Standin, standin
from tests.e2e.upstream import COMPLETIONS, EXECUTIONS, REQUESTS, problem, upstream
from tests.e2e.waiting import until

UP = "vlmrun_exporter_source_up"
AUTH_OK = "vlmrun_exporter_auth_ok"
FAILURES = "vlmrun_exporter_poll_failures_total"
REQUESTS_SENT = "vlmrun_exporter_api_requests_total"
LAST_SUCCESS = "vlmrun_exporter_last_success_timestamp_seconds"
COUNTED = "vlmrun_completions_total"
SOURCES = ("completions", "executions", "requests")


def test_an_api_that_is_down_at_start_is_reported_and_waited_for(tmp_path: Path) -> None:
    port = free_port()
    document = configuration(f"http://127.0.0.1:{port}/v1", tmp_path)
    with Exporter(write(tmp_path / "config.yaml", document)) as exporter:
        assert exporter.get("/-/healthy").status_code == 200
        exporter.ready()
        scrape = exporter.scrape()
        for source in SOURCES:
            assert scrape.value(UP, source=source) == 0
            assert scrape.value(LAST_SUCCESS, source=source) == 0
            assert scrape.value(FAILURES, source=source, reason="connection") >= 1
        assert scrape.value(AUTH_OK) == 1
        page = exporter.get("/").text
        assert "All 3 sources are failing." in page
        assert f"connection \N{EN DASH} could not connect to 127.0.0.1:{port}: Connection refused" in page
        assert "never worked" in page

        with standin(rate=0.2, history=60.0) as running:
            account = {**document["accounts"][0], "base_url": running.url}
            write(tmp_path / "config.yaml", {**document, "accounts": [account]})
            exporter.send(signal.SIGHUP)
            until(lambda: exporter.scrape().sum(UP) == 3, 60.0, "all lists are up")
            until(lambda: exporter.scrape().sum(COUNTED) > 0, 60.0, "rows are counted")


def test_a_key_that_is_missing_is_reported_and_nothing_is_sent(calm: Standin, tmp_path: Path) -> None:
    environ = environment()
    del environ["VLMRUN_API_KEY"]
    with Exporter(write(tmp_path / "config.yaml", configuration(calm.url, tmp_path)), environ=environ) as exporter:
        exporter.ready()
        scrape = exporter.scrape()
        assert scrape.value(AUTH_OK) == 0
        assert scrape.sum(UP) == 0
        assert scrape.sum(REQUESTS_SENT) == 0
        assert all(scrape.value(FAILURES, source=source, reason="auth") >= 1 for source in SOURCES)
        page = exporter.get("/").text
        assert "auth \N{EN DASH} the API key of account default is unusable" in page
        assert "environment variable VLMRUN_API_KEY is not set" in page


def test_a_key_that_is_rotated_works_without_a_restart(tmp_path: Path) -> None:
    key = tmp_path / "api-key"
    key.write_text("an-old-key\n", encoding="ascii")
    with standin(rate=0.2, history=60.0) as running:
        document = configuration(running.url, tmp_path)
        document["accounts"][0]["api_key"] = {"file": str(key)}
        with Exporter(write(tmp_path / "config.yaml", document)) as exporter:
            exporter.ready()
            until(lambda: exporter.scrape().value(AUTH_OK) == 0, 60.0, "the old key is refused")
            assert exporter.scrape().sum(REQUESTS_SENT, code="401") >= 3
            assert "Invalid API Key" in exporter.get("/").text

            # As Kubernetes replaces a mounted secret: at once, by renaming.
            fresh = tmp_path / "api-key.new"
            fresh.write_text(f"{KEY}\n", encoding="ascii")
            os.replace(fresh, key)
            until(lambda: exporter.scrape().sum(UP) == 3, 60.0, "all lists are up")
            assert exporter.scrape().value(AUTH_OK) == 1

            running.accept("another-key")
            until(lambda: exporter.scrape().value(AUTH_OK) == 0, 60.0, "a key that is withdrawn is noticed")
            running.accept(KEY)
            until(lambda: exporter.scrape().value(AUTH_OK) == 1, 60.0, "and so is its return")


def test_the_request_budget_outlives_kill_9(tmp_path: Path) -> None:
    with upstream() as server:
        document = configuration(
            f"{server.url}/v1", tmp_path, poll={"interval": "1m", "requests_per_minute": 10, "start": "now"}
        )
        config = write(tmp_path / "config.yaml", document)
        for sent in (3, 6, 9, 10, 10):
            with Exporter(config) as exporter:
                until(lambda sent=sent: len(server.requests) >= sent, 60.0, f"{sent} requests")  # type: ignore[misc]
                if sent == 10:
                    page = f"{sent} of 10 requests in the last minute"
                    until(lambda page=page: page in exporter.get("/").text, 60.0, "a budget used up")  # type: ignore[misc]
                    assert exporter.get("/-/ready").status_code == 503
                exporter.kill()
        assert len(server.requests) == 10


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (404, "client_error", "404"),
        (403, "auth", "403"),
        (402, "client_error", "402"),
        (429, "rate_limited", "429"),
        (503, "server_error", "503"),
    ],
)
def test_a_list_that_fails_does_not_stop_the_others(status: int, reason: str, said: str, tmp_path: Path) -> None:
    with upstream({EXECUTIONS: problem(status, "no such thing")}) as server:
        with Exporter(write(tmp_path / "config.yaml", configuration(f"{server.url}/v1", tmp_path))) as exporter:
            exporter.ready()
            scrape = exporter.scrape()
            assert scrape.by(UP, "source") == {("completions",): 1, ("executions",): 0, ("requests",): 1}
            assert scrape.value(FAILURES, source="executions", reason=reason) >= 1
            assert scrape.sum(FAILURES) == scrape.sum(FAILURES, source="executions")
            polls = scrape.sum("vlmrun_exporter_polls_total", source="requests")
            until(
                lambda: exporter.scrape().sum("vlmrun_exporter_polls_total", source="requests") > polls + 2,
                10,
                "the others are polled on",
            )
            page = exporter.get("/").text
            assert "1 of 3 sources is failing." in page
            assert f"{reason} \N{EN DASH}" in page
            assert said in page
        paths = {request.path for request in server.requests}
        assert paths == {COMPLETIONS, EXECUTIONS, REQUESTS}


def test_a_path_of_its_own_is_all_that_a_moved_list_needs(calm: Standin, tmp_path: Path) -> None:
    document = configuration(calm.url, tmp_path)
    moved = {"completions": {}, "executions": {"path": "/agent/no-such-list"}, "requests": {}}
    document["accounts"][0]["sources"] = moved
    with Exporter(write(tmp_path / "config.yaml", document)) as exporter:
        exporter.ready()
        until(lambda: exporter.scrape().sum(COUNTED, source="completions") > 20, 60.0, "completions are counted")
        scrape = exporter.scrape()
        assert scrape.value(UP, source="executions") == 0
        assert scrape.value(FAILURES, source="executions", reason="client_error") >= 1
        assert scrape.sum(COUNTED, source="executions") == 0
