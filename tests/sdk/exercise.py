"""Runs the official SDKs against a server and prints what they made of it as JSON: ``exercise.py BASE_URL API_KEY``.

It is run by `test_sdks.py` with the interpreter of an environment that has the SDKs, and nothing of ours.
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import sys
from typing import Any


def vlmrun_sdk(base_url: str, api_key: str) -> dict[str, Any]:
    from vlmrun.client import VLMRun
    from vlmrun.client.exceptions import AuthenticationError, ResourceNotFoundError

    client = VLMRun(api_key=api_key, base_url=base_url, max_retries=1)
    predictions = client.predictions.list(skip=0, limit=1000)
    executions = client.executions.list(skip=0, limit=1000)
    one = predictions[0]
    submitted = client.feedback.submit(one.id, response={"score": 1}, notes="good")
    completions = client.agent.completions.list(limit=2, order="desc")
    refused = missing = False
    try:
        VLMRun(api_key="wrong", base_url=base_url, max_retries=1).predictions.list()
    except AuthenticationError:
        refused = True
    try:
        client.executions.get("nope")
    except ResourceNotFoundError:
        missing = True
    return {
        "healthy": client.healthcheck(),
        "predictions": [
            [each.id, each.status, each.domain, each.usage.credits_used, each.usage.duration_seconds]
            for each in predictions
        ],
        "executions": [
            [each.id, each.status, each.name, each.usage.credits_used, each.usage.duration_seconds]
            for each in executions
        ],
        "second_page": [each.id for each in client.predictions.list(skip=10, limit=10)],
        "same_prediction": client.predictions.get(one.id) == one,
        "same_execution": client.executions.get(executions[0].id) == executions[0],
        "feedback": [[each.id == submitted.id, each.notes] for each in client.feedback.get(one.id, limit=10).items],
        "completions": [each.id for each in completions.data],
        "completions_have_more": completions.has_more,
        "refused": refused,
        "missing": missing,
    }


def openai_sdk(base_url: str, api_key: str) -> dict[str, Any]:
    from openai import NotFoundError, OpenAI
    from openai.types.chat import ChatCompletion

    client = OpenAI(api_key=api_key, base_url=f"{base_url}/openai", max_retries=0)

    def walk(order: str) -> list[str]:
        return [each.id for each in client.chat.completions.list(limit=1000, order=order)]

    def valid(row: Any) -> bool:
        # The SDK builds its objects without looking; this looks.
        return bool(ChatCompletion.model_validate(row.model_dump()).id == row.id)

    page = client.chat.completions.list(limit=1000, order="desc")
    staging = client.chat.completions.list(limit=1000, order="desc", metadata={"environment": "staging"})
    missing = False
    try:
        client.chat.completions.list(after="chatcmpl-gone")
    except NotFoundError:
        missing = True
    return {
        "ascending": walk("asc"),
        "descending": walk("desc"),
        "staging": [each.id for each in staging],
        "same": client.chat.completions.retrieve(page.data[0].id).id == page.data[0].id,
        "valid": all(valid(each) for each in page.data),
        "rows": [
            [
                each.id,
                each.created,
                each.model,
                each.usage.prompt_tokens,
                each.usage.completion_tokens,
                each.usage.model_extra["credits_used"],
                each.model_extra["status"],
            ]
            for each in page.data
        ],
        "missing": missing,
    }


if __name__ == "__main__":
    print(json.dumps({"vlmrun": vlmrun_sdk(*sys.argv[1:3]), "openai": openai_sdk(*sys.argv[1:3])}))
