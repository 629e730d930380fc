"""prometheus_client in a plain loop, as a script would use it: an increment or an observation for each value of a row.

``--cached`` looks the children of a row up once, by its labels, in a dictionary of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import Counter, Histogram

from benchmarks.peers.families import Families
from benchmarks.peers.subject import Sums, arguments, serve
from benchmarks.peers.wire import Completion, rows


@dataclass(slots=True)
class Children:
    """The instruments of one set of labels."""

    completions: Counter
    input_tokens: Counter
    output_tokens: Counter
    credits: Counter
    duration: Histogram
    time_to_first_token: Histogram
    output_length: Histogram
    cost: Histogram
    low_token: Counter
    slow_low_token: Counter


class Naive:
    """Asks the library for a child by its labels each time."""

    def __init__(self) -> None:
        self._families = Families()

    def count(self, bodies: Sequence[bytes]) -> None:
        """Count every row."""
        for body in bodies:
            for row in rows(body):
                self._add(row)

    def sums(self) -> Sums:
        """Read back what was counted."""
        return self._families.sums()

    def _add(self, row: Completion) -> None:
        labels, usage, to = row.labels(), row.usage, self._families
        to.completions.labels(*labels).inc()
        if usage.prompt_tokens is not None:
            to.input_tokens.labels(*labels).inc(usage.prompt_tokens)
        if usage.completion_tokens is not None:
            to.output_tokens.labels(*labels).inc(usage.completion_tokens)
            to.output_length.labels(*labels).observe(usage.completion_tokens)
        if usage.credits_used is not None:
            to.credits.labels(*labels).inc(usage.credits_used)
            to.cost.labels(*labels).observe(usage.credits_used)
        if row.latency_ms is not None:
            to.duration.labels(*labels).observe(row.latency_ms / 1000)
        if row.time_to_first_token_ms is not None:
            to.time_to_first_token.labels(*labels).observe(row.time_to_first_token_ms / 1000)
        low = row.low_labels()
        if low:
            to.low_token.labels(*low).inc()
            if row.slow():
                to.slow_low_token.labels(*low).inc()


class Cached(Naive):
    """Keeps the children at hand."""

    def __init__(self) -> None:
        super().__init__()
        self._children: dict[tuple[str, ...], Children] = {}

    def _add(self, row: Completion) -> None:
        labels, usage = row.labels(), row.usage
        to = self._children.get(labels)
        if to is None:
            to = self._children[labels] = self._born(labels)
        to.completions.inc()
        if usage.prompt_tokens is not None:
            to.input_tokens.inc(usage.prompt_tokens)
        if usage.completion_tokens is not None:
            to.output_tokens.inc(usage.completion_tokens)
            to.output_length.observe(usage.completion_tokens)
        if usage.credits_used is not None:
            to.credits.inc(usage.credits_used)
            to.cost.observe(usage.credits_used)
        if row.latency_ms is not None:
            to.duration.observe(row.latency_ms / 1000)
        if row.time_to_first_token_ms is not None:
            to.time_to_first_token.observe(row.time_to_first_token_ms / 1000)
        if row.low_labels():
            to.low_token.inc()
            if row.slow():
                to.slow_low_token.inc()

    def _born(self, labels: tuple[str, ...]) -> Children:
        families, low = self._families, labels[:4] + labels[5:]
        return Children(
            completions=families.completions.labels(*labels),
            input_tokens=families.input_tokens.labels(*labels),
            output_tokens=families.output_tokens.labels(*labels),
            credits=families.credits.labels(*labels),
            duration=families.duration.labels(*labels),
            time_to_first_token=families.time_to_first_token.labels(*labels),
            output_length=families.output_length.labels(*labels),
            cost=families.cost.labels(*labels),
            low_token=families.low_token.labels(*low),
            slow_low_token=families.slow_low_token.labels(*low),
        )


def main() -> None:
    """Count with or without children of one's own."""
    parser = arguments(__doc__)
    parser.add_argument("--cached", action="store_true")
    options = parser.parse_args()
    serve(Cached if options.cached else Naive, options.folder, version("prometheus-client"))


if __name__ == "__main__":
    main()
