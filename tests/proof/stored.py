"""What is wrong with the samples that Prometheus servers have stored of an exporter: exact comparisons, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from tests.e2e.prometheus import Series, sums
from tests.e2e.standin import LABELS


def decreases(stored: Sequence[Series]) -> list[str]:
    """Every fall of a stored counter."""
    return [
        f"{dict(series.labels)} fell from {before:g} to {after:g} at {at:.3f}"
        for series in stored
        for (_, before), (at, after) in pairwise(series.samples)
        if after < before
    ]


def births_not_at_0(stored: Sequence[Series], scraped: Sequence[float]) -> list[str]:
    """Every series of completions whose first sample is not 0: what it missed is missing from ``increase()``.

    ``scraped`` is when scrapes were good: a machine so busy that none was for as long as new series are held at 0 is
    told apart from an exporter that does not hold them.
    """
    found = []
    for series in completions(stored):
        born, value = series.samples[0]
        if value:
            silence = born - max((at for at in scraped if at < born - 0.001), default=0.0)
            found.append(f"{dict(series.labels)} was born as {value:g}, {silence:.1f} s after the last good scrape")
    return found


def miscounted(observed: Mapping[str, Mapping[tuple[str, ...], int]], stored: Sequence[Series]) -> list[str]:
    """Every histogram that has not ``observed`` the rows there were, by `LABELS`."""
    problems = []
    for name, wanted in observed.items():
        found = sums([series for series in stored if series.labels["__name__"] == f"{name}_count"], LABELS, 1)
        problems += [
            f"{name} of {key}: expected {wanted.get(key, 0)} rows, observed {found.get(key, 0)}"
            for key in sorted({*wanted, *found})
            if wanted.get(key, 0) != found.get(key, 0)
        ]
    return problems


def disagreements(one: Sequence[Series], other: Sequence[Series]) -> list[str]:
    """What the two Prometheus servers do not store alike of completions: a series, its first value or its last."""
    ends = [
        {frozenset(each.labels.items()): (each.samples[0][1], each.samples[-1][1]) for each in completions(stored)}
        for stored in (one, other)
    ]
    return [
        f"{dict(key)}: one Prometheus has {ends[0].get(key)}, the other {ends[1].get(key)}"
        for key in sorted({*ends[0], *ends[1]}, key=sorted)
        if ends[0].get(key) != ends[1].get(key)
    ]


def completions(stored: Sequence[Series]) -> list[Series]:
    """The series of completion families, histograms included; those of the exporter itself are born as they are."""
    return [series for series in stored if not series.labels["__name__"].startswith("vlmrun_exporter_")]
