"""Parsing alone: what any Python program pays before it counts a first row, and how little it can be."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import orjson
import pydantic

from benchmarks.peers import wire
from benchmarks.peers.subject import Sums, arguments, serve


class Usage(msgspec.Struct):
    """What a completion consumed."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    credits_used: float | None = None


class Completion(msgspec.Struct):
    """A row, typed like :class:`benchmarks.peers.wire.Completion`."""

    id: str
    created: int
    model: str
    status: str
    usage: Usage
    completed_at: str | None = None
    skill: str | None = None
    latency_ms: float | None = None
    time_to_first_token_ms: float | None = None


class Page(msgspec.Struct):
    """The body of a list response."""

    data: list[Completion]


PARSERS: Final[dict[str, tuple[str, Callable[[bytes], Any]]]] = {
    "pydantic": (pydantic.VERSION, wire.Page.model_validate_json),
    "msgspec": (msgspec.__version__, msgspec.json.Decoder(Page).decode),
    "orjson": (orjson.__version__, orjson.loads),
    "json": (platform.python_version(), json.loads),
}


class Parsing:
    """Parses, and keeps nothing."""

    def __init__(self, parse: Callable[[bytes], Any]) -> None:
        self._parse = parse
        self._bodies: Sequence[bytes] = ()

    def count(self, bodies: Sequence[bytes]) -> None:
        """Parse every body; each page is dropped before the next one."""
        self._bodies = bodies
        for body in bodies:
            self._parse(body)

    def sums(self) -> Sums:
        """Parse once more, and add up."""
        used = [tokens for body in self._bodies for tokens in _tokens(self._parse(body))]
        return {
            "completions": len(used),
            "input_tokens": sum(prompt or 0 for prompt, _ in used),
            "output_tokens": sum(completion or 0 for _, completion in used),
        }


def _tokens(page: Any) -> list[tuple[int | None, int | None]]:
    """Return the input and output tokens of each row, whatever was made of it."""
    if isinstance(page, dict):
        usages = [row["usage"] for row in page["data"]]
        return [(usage["prompt_tokens"], usage["completion_tokens"]) for usage in usages]
    return [(row.usage.prompt_tokens, row.usage.completion_tokens) for row in page.data]


def main() -> None:
    """Parse with the library that the command line names."""
    parser = arguments(__doc__)
    parser.add_argument("library", choices=PARSERS)
    options = parser.parse_args()
    version, parse = PARSERS[options.library]
    serve(lambda: Parsing(parse), options.folder, version)


if __name__ == "__main__":
    main()
