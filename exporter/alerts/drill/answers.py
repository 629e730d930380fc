"""What Prometheus answers: the samples of series, from its HTTP API."""

from __future__ import annotations

import msgspec

from exporter.alerts.drill.samples import Labels


class Series(msgspec.Struct):
    """One series, and its samples: time in seconds, value as text; none where it has only native histograms."""

    metric: dict[str, str]
    values: list[tuple[float, str]] = []

    @property
    def labels(self) -> Labels:
        """Its labels as chunks have them."""
        return tuple(sorted(self.metric.items()))


class _Data(msgspec.Struct):
    resultType: str
    result: list[Series]


class _Answer(msgspec.Struct):
    data: _Data


_decoder = msgspec.json.Decoder(_Answer)


def decode(body: bytes) -> list[Series]:
    """Read the answer to a query that yields ranges of samples. Raises msgspec.MsgspecError if it is none."""
    return _decoder.decode(body).data.result
