"""Neither API keys nor prompts nor answers leave the exporter: not in logs, metrics, pages, nor in the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.process import Exporter, configuration, environment, write
from tests.e2e.scrape import OPENMETRICS, TEXT
from tests.e2e.upstream import COMPLETIONS, EXECUTIONS, REQUESTS, rows, upstream
from tests.e2e.waiting import until
from tests.servers import answer

KEY = "sk-canary-key-9d41f0c2"
PROMPT = "canary-prompt-77aa3e51"
NOW = "2026-01-01T00:00:00Z"

COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "created": 1_767_225_600,
    "model": "vlmrun-orion-1:auto",
    "skill": "document.invoice",
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


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_no_key_and_no_prompt_gets_out(log_format: str, tmp_path: Path) -> None:
    answers = {
        COMPLETIONS: rows(COMPLETION, *spoilt(COMPLETION)),
        EXECUTIONS: rows(EXECUTION, *spoilt(EXECUTION)),
        REQUESTS: answer(500, f'{{"detail": "cannot log in with Bearer {KEY} or {KEY}"}}'.encode()),
    }
    state = tmp_path / "state"
    with upstream(answers) as server:
        document = configuration(
            f"{server.url}/v1", state, poll={"start": "365d", "timeout": "1s"}, links={"completion": "https://e.x/{id}"}
        )
        config = write(tmp_path / "config.yaml", document)
        flags = ("--log.level=debug", f"--log.format={log_format}", "--web.enable-lifecycle")
        with Exporter(config, *flags, environ=environment(VLMRUN_API_KEY=KEY)) as exporter:
            exporter.ready()
            until(lambda: exporter.scrape().sum("vlmrun_completions_total") == 2, 60.0, "both good rows are counted")
            until(lambda: exporter.scrape().sum("vlmrun_exporter_rejected_rows_total") >= 8, 60.0, "the others are not")
            shown = [exporter.get(path).text for path in ("/", "/config", "/metrics", "/-/ready", "/-/healthy")]
            shown += [exporter.get("/metrics", accept=accept).text for accept in (TEXT, OPENMETRICS)]
            # What is wrong with a configuration is shown, but not a key that was pasted into it.
            write(config, {**document, "links": {"completion": KEY}, "accounts": [{"api_key": KEY}]})
            refused = exporter.reload()
            assert refused.status_code == 500
            shown += [refused.text, exporter.get("/").text]
            assert exporter.stop().code == 0
            shown.append(exporter.logs)
        assert all(request.headers["authorization"] == f"Bearer {KEY}" for request in server.requests)
    assert "level" in exporter.logs and "poll failed" in exporter.logs
    for text in shown:
        assert KEY not in text
        assert PROMPT not in text
    kept = {file.name: file.read_bytes() for file in state.iterdir()}
    assert kept.keys() >= {"ledger.db", "ledger.db.mark"}
    for content in kept.values():
        assert KEY.encode() not in content
        assert PROMPT.encode() not in content
