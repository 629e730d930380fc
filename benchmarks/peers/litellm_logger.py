"""LiteLLM's Prometheus logger, called once a row with the event that its proxy would hand it.

The event has what the logger needs to take its shortest way: no virtual key, team or user, whose budgets it would look
up, and the provider's rate-limit headers, without which it would ask the proxy's router. It is not told the skill.
LITELLM_LOCAL_MODEL_COST_MAP=True must be in the environment, or the import waits for the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from litellm.integrations.prometheus import PrometheusLogger

from benchmarks.peers.families import total
from benchmarks.peers.subject import Sums, arguments, serve
from benchmarks.peers.wire import Completion, rows

PROVIDER, ENDPOINT = "openai", "http://localhost/v1"


class ServerError(Exception):
    """What a failed call raised."""

    status_code = 500


class Logged:
    """Counts since it was made: the logger registers its metrics in the process's registry, once for all."""

    def __init__(self, logger: PrometheusLogger) -> None:
        self._logger = logger
        self._before = self._now()

    def count(self, bodies: Sequence[bytes]) -> None:
        """Log every row."""
        asyncio.run(self._log(bodies))

    def sums(self) -> Sums:
        """Read back what was counted since."""
        now, before = self._now(), self._before
        return {
            "completions": now["completions"] - before["completions"],
            "input_tokens": now["input_tokens"] - before["input_tokens"],
            "output_tokens": now["output_tokens"] - before["output_tokens"],
        }

    async def _log(self, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            for row in rows(body):
                start, end, details = event(row)
                if row.status == "success":
                    await self._logger.async_log_success_event(details, None, start, end)
                else:
                    await self._logger.async_log_failure_event(details, None, start, end)

    def _now(self) -> Sums:
        logger = self._logger
        return {
            "completions": total(logger.litellm_deployment_total_requests, "litellm_deployment_total_requests_total"),
            "input_tokens": total(logger.litellm_input_tokens_metric, "litellm_input_tokens_metric_total"),
            "output_tokens": total(logger.litellm_output_tokens_metric, "litellm_output_tokens_metric_total"),
        }


def event(row: Completion) -> tuple[datetime, datetime, dict[str, Any]]:
    """Return a call's start and end, and what LiteLLM knows of it."""
    start, usage = row.created, row.usage
    end = row.completed_at or start
    first_token = start + timedelta(milliseconds=row.time_to_first_token_ms or 0)
    failed = row.status != "success"
    metadata = dict.fromkeys(
        (
            "user_api_key_hash",
            "user_api_key_alias",
            "user_api_key_team_id",
            "user_api_key_team_alias",
            "user_api_key_user_id",
            "user_api_key_user_email",
            "user_api_key_org_id",
            "user_api_key_org_alias",
            "requester_ip_address",
            "user_agent",
            "requester_metadata",
        )
    )
    payload = {
        "id": row.id,
        "call_type": "acompletion",
        "stream": True,
        "status": "failure" if failed else "success",
        "response_cost": usage.credits_used or 0.0,
        "total_tokens": usage.total_tokens or 0,
        "prompt_tokens": usage.prompt_tokens or 0,
        "completion_tokens": usage.completion_tokens or 0,
        "startTime": start.timestamp(),
        "endTime": end.timestamp(),
        "completionStartTime": first_token.timestamp(),
        "response_time": (row.latency_ms or 0.0) / 1000,
        "model": row.model,
        "model_id": row.model,
        "model_group": row.model,
        "custom_llm_provider": PROVIDER,
        "api_base": ENDPOINT,
        "metadata": metadata,
        "cache_hit": None,
        "request_tags": [],
        "model_parameters": {"stream": True},
        "hidden_params": {
            "model_id": row.model,
            "litellm_overhead_time_ms": 1.0,
            "additional_headers": {"x_ratelimit_remaining_requests": 1000, "x_ratelimit_remaining_tokens": 1_000_000},
        },
        "guardrail_information": None,
    }
    details = {
        "model": row.model,
        "stream": True,
        "start_time": start,
        "end_time": end,
        "api_call_start_time": start,
        "completion_start_time": first_token,
        "litellm_params": {
            "custom_llm_provider": PROVIDER,
            "metadata": {"model_info": {"id": row.model}, "model_group": row.model},
        },
        "standard_logging_object": payload,
    }
    if failed:
        details["exception"] = ServerError()
    return start, end, details


def main() -> None:
    """Log the pages of the command line's folder."""
    options = arguments(__doc__).parse_args()
    logger = PrometheusLogger()
    serve(lambda: Logged(logger), options.folder, version("litellm"))


if __name__ == "__main__":
    main()
