"""Neither API keys nor prompts nor answers leave the exporter, be it in logs, metrics, pages, files or failures."""

from __future__ import annotations

import asyncio
import gzip
import json
import sqlite3
import sys
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.canaries import KEY, PROMPT, found
from tests.e2e.process import START_SECONDS, Exporter, configuration, environment, run, write
from tests.e2e.scrape import OPENMETRICS, TEXT
from tests.e2e.upstream import COMPLETIONS, EXECUTIONS, PATHS, REQUESTS, rows, upstream
from tests.e2e.waiting import until
from tests.servers import Answer, Request, answer

NOW = "2026-01-01T00:00:00Z"
HOSTILE = "name\nts=0 level=info msg=forged\r\x1b[2J\x00\x85\u2028\u2029\u202egnp\u2066"
"""What a terminal or a log's reader could be tricked with."""

COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "created": 1_767_225_600,
    "model": HOSTILE,
    "skill": f"skill {HOSTILE}",
    "status": "error",
    "choices": [{"message": {"role": "assistant", "content": PROMPT}}],
    "messages": [{"role": "user", "content": PROMPT}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "credits_used": 1.5},
    "latency_ms": 20_000,
    "session_id": PROMPT,
    "metadata": {"environment": PROMPT},
    "error": {"message": PROMPT},
}
EXECUTION: dict[str, Any] = {
    "id": "execution-1",
    "name": "invoice-extraction",
    "created_at": NOW,
    "completed_at": NOW,
    "status": "completed",
    "response": {PROMPT: PROMPT},
    "usage": {"credits_used": 2, "message": PROMPT, "duration_seconds": 3},
}


def spoilt(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return rows that cannot be counted, with a prompt wherever the exporter looks for something else."""
    wrong: tuple[dict[str, Any], ...] = (
        {"created": PROMPT, "created_at": PROMPT},
        {"usage": {"prompt_tokens": PROMPT, "credits_used": PROMPT}},
        {"model": {"text": PROMPT}, "skill": [PROMPT], "name": {PROMPT: 1}},
        {"latency_ms": PROMPT, "usage": {"duration_seconds": PROMPT}},
        {"id": {"text": PROMPT}},
    )
    return [{**row, "id": f"spoilt-{number}", **change} for number, change in enumerate(wrong)]


def refusals() -> list[bytes]:
    """Return answers that are no lists, with the key wherever a server may put what it was sent."""
    said = f"cannot log in with Bearer {KEY} or {KEY}, {HOSTILE}"
    echo = {"x_echo": KEY, "www_authenticate": f"Bearer {KEY}", "set_cookie": f"key={KEY}", "server": KEY}
    bodies = [json.dumps({"detail": said}), json.dumps({"error": {"message": said, "type": KEY, "id": KEY}}), said]
    return [
        *(answer(status, body.encode(), **echo) for status in (400, 401, 404, 429, 500, 503) for body in bodies),
        answer(301, b"", location=f"https://elsewhere.example/?key={KEY}", **echo),
        answer(302, b"", location=f"https://{KEY}:{KEY}@elsewhere.example/{KEY}", **echo),
        answer(429, said.encode(), retry_after=KEY),
        answer(200, f'{{"data": [{{"id": "{KEY}", '.encode(), content_type="application/json"),
        answer(200, json.dumps({"error": KEY}).encode(), content_type=f"text/{KEY}"),
        answer(200, said.encode(), content_encoding=KEY),
        answer(200, b"[]", content_length=KEY),
        f"HTTP/1.1 200 {KEY}\r\nno colon {KEY}\r\n\r\n".encode(),
        f"{KEY}\r\n\r\n".encode(),
    ]


class Turns:
    """An answer to a path: the next of several, again and again; ``rounds`` says how often all were given."""

    def __init__(self, answers: list[bytes]) -> None:
        self.rounds = 0.0
        self._share = 1 / len(answers)
        self._answers = cycle(answers)

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.rounds += self._share
        writer.write(next(self._answers))
        await writer.drain()


def document(base_url: str, state: Path) -> dict[str, Any]:
    """Return a configuration that polls often and keeps its ledger in a folder of its own."""
    poll = {"start": "365d", "timeout": "1s", "interval": "100ms", "requests_per_minute": 100_000}
    return configuration(base_url, state, poll=poll, links={"completion": "https://e.x/{id}"})


def shown(exporter: Exporter) -> dict[str, bytes]:
    """Return everything that an exporter shows to those who ask, and what the system shows of it."""
    paths = ("/", "/config", "/metrics", "/-/ready", "/-/healthy")
    contents = {path: exporter.get(path).content for path in paths}
    for accept in (TEXT, OPENMETRICS):
        plain, packed = (
            exporter.get("/metrics", accept=accept),
            exporter.get("/metrics", accept=accept, accept_encoding="gzip"),
        )
        contents |= {accept: plain.content, f"{accept}, gzip": packed.content}
    process = Path(f"/proc/{exporter.process.pid}")
    if process.exists():
        contents |= {name: (process / name).read_bytes() for name in ("cmdline", "comm", "status")}
    return contents


def files(state: Path) -> dict[str, bytes]:
    """Return every file of the ledger."""
    return {file.name: file.read_bytes() for file in state.iterdir()}


def values(state: Path) -> dict[str, bytes]:
    """Return every value in the ledger of an exporter that has ended."""
    contents = {}
    with closing(sqlite3.connect(state / "ledger.db")) as ledger:
        for (table,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for number, row in enumerate(ledger.execute(f"SELECT * FROM {table}")):
                for column, value in enumerate(row):
                    content = value if isinstance(value, bytes) else str(value).encode()
                    contents[f"{table}[{number}][{column}]"] = content
    return contents


def log_lines(exporter: Exporter) -> list[str]:
    """Return what it has logged; it must be printable text, one record a line."""
    lines = exporter.logs.removesuffix("\n").split("\n")
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("ts=0") for line in lines)
    return lines


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_no_key_and_no_prompt_gets_out(log_format: str, tmp_path: Path) -> None:
    refusing = Turns(refusals())
    answers: Mapping[str, Answer] = {
        COMPLETIONS: rows(COMPLETION, *spoilt(COMPLETION)),
        EXECUTIONS: rows(EXECUTION, *spoilt(EXECUTION)),
        REQUESTS: refusing,
    }
    state = tmp_path / "state"
    with upstream(answers) as server:
        good = document(f"{server.url}/v1", state)
        config = write(tmp_path / "config.yaml", good)
        flags = ("--log.level=debug", f"--log.format={log_format}", "--web.enable-lifecycle")
        with Exporter(config, *flags, environ=environment(VLMRUN_API_KEY=KEY)) as exporter:
            exporter.ready()
            until(lambda: exporter.scrape().sum("vlmrun_completions_total") == 2, 60.0, "both good rows are counted")
            until(lambda: exporter.scrape().sum("vlmrun_exporter_rejected_rows_total") >= 8, 60.0, "the others are not")
            until(lambda: refusing.rounds > 1, 60.0, "every refusal was given")
            contents = shown(exporter)
            contents |= {f"{name}, while it runs": content for name, content in files(state).items()}
            # What is wrong with a configuration is shown, but not a key that was pasted into it.
            write(config, {**good, "links": {"completion": KEY}, "accounts": [{"api_key": KEY}]})
            refused = exporter.reload()
            assert refused.status_code == 500
            contents |= {"reload": refused.content, "/ after it": exporter.get("/").content}
            assert exporter.stop().code == 0
        assert all(request.headers["authorization"] == f"Bearer {KEY}" for request in server.requests)
    contents |= {"log": exporter.logs.encode(), **files(state), **values(state)}
    assert contents.keys() >= {"ledger.db", "ledger.db.mark", "ledger.db-wal, while it runs", "series[0][0]"}
    lines = log_lines(exporter)
    assert all(any(text in line for line in lines) for text in ("poll failed", "redacted", "forged", "elsewhere"))
    assert found(contents, KEY, PROMPT) == []


@pytest.mark.parametrize("place", ["poll", "callback", "thread", "finalizer", "end"])
@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_a_bug_shows_no_key(place: str, log_format: str, tmp_path: Path) -> None:
    with upstream() as server:
        config = write(tmp_path / "config.yaml", document(f"{server.url}/v1", tmp_path / "state"))
        command = (sys.executable, "-m", "tests.e2e.blunder", place)
        flags = ("--log.level=debug", f"--log.format={log_format}")
        environ = environment(VLMRUN_API_KEY=KEY)
        with Exporter(config, *flags, environ=environ, command=command) as exporter:
            exporter.ready()
            if place != "end":
                until(lambda: "BlunderError" in exporter.logs, START_SECONDS, "the bug is met")
            assert exporter.stop().code == (1 if place == "end" else 0)
    assert "BlunderError" in exporter.logs
    log_lines(exporter)
    assert "Traceback (most recent call last)" in exporter.logs
    assert found({"log": exporter.logs.encode()}, KEY) == []


def test_checking_a_configuration_with_a_key_in_it_shows_no_key(tmp_path: Path) -> None:
    bad = {"accounts": [{"api_key": KEY, "base_url": f"https://{KEY}@e.x/?key={KEY}"}], "ledger": KEY, KEY: {KEY: KEY}}
    write(tmp_path / "bad.yaml", {"accounts": bad["accounts"]})
    end = run("--config.file=bad.yaml", "--config.check", cwd=tmp_path)
    assert end.returncode == 2
    assert "api_key: must not be written inline" in end.stderr
    assert found({"stdout": end.stdout.encode(), "stderr": end.stderr.encode()}, KEY) == []


@pytest.mark.parametrize(
    "hide",
    [
        lambda text: text.encode(),
        lambda text: f"https://e.x/?q={text}".encode(),
        lambda text: json.dumps({"detail": text}).encode(),
        lambda text: b64encode(f"user:{text}!".encode()),
        lambda text: b64encode(f"ab{text} and more".encode()),
        lambda text: text.encode().hex().encode(),
        lambda text: text.lower().encode(),
        lambda text: gzip.compress(text.encode()),
        lambda text: text.encode("utf-16-le"),
        lambda text: b"\x00\xff" + text.encode() + b"\x00",
    ],
)
@pytest.mark.parametrize("canary", [KEY, PROMPT])
def test_the_search_finds_what_is_hidden(hide: Any, canary: str) -> None:
    assert found({"elsewhere": b"nothing", "place": hide(canary)}, KEY, PROMPT)
    assert found({"elsewhere": b"nothing"}, KEY, PROMPT) == []


def test_the_search_finds_a_canary_in_a_ledger(tmp_path: Path) -> None:
    with upstream(dict.fromkeys(PATHS, rows())) as server:
        config = write(tmp_path / "config.yaml", document(f"{server.url}/v1", tmp_path / "state"))
        with Exporter(config) as exporter:
            exporter.ready().stop()
    state = tmp_path / "state"
    assert found({**files(state), **values(state)}, PROMPT) == []
    with closing(sqlite3.connect(state / "ledger.db")) as ledger:
        ledger.execute("CREATE TABLE leak (prompt)")
        ledger.execute("INSERT INTO leak VALUES (?)", (PROMPT,))
        ledger.commit()
    assert len(found(files(state), PROMPT)) == 1
    assert len(found(values(state), PROMPT)) == 1
