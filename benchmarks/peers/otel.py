"""OpenTelemetry's SDK: an instrument for each family, its attributes the labels; read back as an exporter would."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.metrics import Counter, Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Sum
from opentelemetry.sdk.version import __version__ as version

from benchmarks.peers.subject import Sums, arguments, serve
from benchmarks.peers.wire import Completion, rows
from exporter.metrics import catalog
from exporter.metrics.catalog import LOW_SERIES, SERIES, Family


class Metered:
    """Adds and records, row by row."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self._provider = MeterProvider([self._reader])
        self._meter = self._provider.get_meter("vlmrun")
        self._completions = self._counter(catalog.COMPLETIONS)
        self._input_tokens = self._counter(catalog.INPUT_TOKENS)
        self._output_tokens = self._counter(catalog.OUTPUT_TOKENS)
        self._credits = self._counter(catalog.CREDITS)
        self._low_token = self._counter(catalog.LOW_TOKEN)
        self._slow_low_token = self._counter(catalog.SLOW_LOW_TOKEN)
        self._duration = self._histogram(catalog.DURATION)
        self._time_to_first_token = self._histogram(catalog.TIME_TO_FIRST_TOKEN)
        self._output_length = self._histogram(catalog.OUTPUT_LENGTH)
        self._cost = self._histogram(catalog.COST)

    def count(self, bodies: Sequence[bytes]) -> None:
        """Count every row."""
        for body in bodies:
            for row in rows(body):
                self._add(row)

    def sums(self) -> Sums:
        """Read back what was counted, and let go of it: an open provider outlives its round."""
        data = self._reader.get_metrics_data()
        self._provider.shutdown()
        found: dict[str, float] = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if isinstance(metric.data, Sum):
                        found[metric.name] = sum(point.value for point in metric.data.data_points)
        return {
            "completions": found[catalog.COMPLETIONS.name],
            "input_tokens": found[catalog.INPUT_TOKENS.name],
            "output_tokens": found[catalog.OUTPUT_TOKENS.name],
        }

    def _add(self, row: Completion) -> None:
        attributes, usage = dict(zip(SERIES, row.labels(), strict=True)), row.usage
        self._completions.add(1, attributes)
        if usage.prompt_tokens is not None:
            self._input_tokens.add(usage.prompt_tokens, attributes)
        if usage.completion_tokens is not None:
            self._output_tokens.add(usage.completion_tokens, attributes)
            self._output_length.record(usage.completion_tokens, attributes)
        if usage.credits_used is not None:
            self._credits.add(usage.credits_used, attributes)
            self._cost.record(usage.credits_used, attributes)
        if row.latency_ms is not None:
            self._duration.record(row.latency_ms / 1000, attributes)
        if row.time_to_first_token_ms is not None:
            self._time_to_first_token.record(row.time_to_first_token_ms / 1000, attributes)
        low = row.low_labels()
        if low:
            low_attributes = dict(zip(LOW_SERIES, low, strict=True))
            self._low_token.add(1, low_attributes)
            if row.slow():
                self._slow_low_token.add(1, low_attributes)

    def _counter(self, family: Family) -> Counter:
        return self._meter.create_counter(family.name, description=family.help)

    def _histogram(self, family: Family) -> Histogram:
        return self._meter.create_histogram(
            family.name, description=family.help, explicit_bucket_boundaries_advisory=family.buckets
        )


def main() -> None:
    """Meter the pages of the command line's folder."""
    options = arguments(__doc__).parse_args()
    serve(Metered, options.folder, version)


if __name__ == "__main__":
    main()
