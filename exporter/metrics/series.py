"""The families that have samples of every series, spelled a series at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate
from operator import attrgetter
from typing import Final, NamedTuple

from exporter.metrics import catalog
from exporter.metrics.catalog import Family
from exporter.metrics.snapshot import HistogramView, SeriesView
from exporter.metrics.spelling import Forms, labels, millionths
from exporter.models import Exemplar, SeriesKey

EXEMPLAR_ID: Final = re.compile(r"[!#-\[\]-~]{1,115}")
"""Ids fit for an exemplar: OpenMetrics allows 128 characters of names and values, and parsers differ on escapes."""


class Labels(NamedTuple):
    """A series' labels as text: those that sort before ``le``, those after it, and the latter without ``status``."""

    before: str
    after: str
    stripped: str
    success: bool

    @classmethod
    def of(cls, key: SeriesKey) -> Labels:
        before = labels(("account", "late"), (key.account, key.late))
        stripped = labels(("model", "skill", "source"), (key.model, key.skill, key.source))
        status = labels(("status",), (key.status,))
        return cls(before, f"{stripped},{status}", stripped, key.status == "success")


NOTHING: Final = Forms("", "")

Spell = Callable[[int], str]
"""From an integer in the ledger's unit to a value in the family's."""


class Counters:
    """Spells a counter of every series: its value by ``spell``, that of its exemplar by ``spell_exemplar``."""

    def __init__(
        self,
        family: Family,
        value: Callable[[SeriesView], int | None],
        spell: Spell = str,
        *,
        exemplar: Callable[[SeriesView], Exemplar | None] = lambda view: None,
        spell_exemplar: Spell = str,
    ) -> None:
        self.family = family
        self._value = value
        self._spell = spell
        self._exemplar = exemplar
        self._spell_exemplar = spell_exemplar
        self._template = f"{family.name}{{%s,%s}} %s%s\n"

    def lines(self, spelled: Labels, view: SeriesView) -> Forms[str]:
        """Spell the sample of a series, none if the series does not show it."""
        return self._lines(spelled.before, spelled.after, view)

    def _lines(self, before: str, after: str, view: SeriesView) -> Forms[str]:
        value = self._value(view)
        if value is None:
            return NOTHING
        shown = self._spell(value)
        text = self._template % (before, after, shown, "")
        exemplar = self._exemplar(view) if value else None
        if exemplar is None:
            return Forms(text, text)
        return Forms(text, self._template % (before, after, shown, _spelled(exemplar, self._spell_exemplar)))


class SuccessCounters(Counters):
    """Spells a counter that only series of successes have: they do not carry ``status``."""

    def lines(self, spelled: Labels, view: SeriesView) -> Forms[str]:
        return self._lines(spelled.before, spelled.stripped, view) if spelled.success else NOTHING


class Histograms:
    """Spells a histogram of every series: its sum, and the values of its exemplars, by ``spell``."""

    def __init__(self, family: Family, value: Callable[[SeriesView], HistogramView | None], spell: Spell = str) -> None:
        self.family = family
        self._value = value
        self._spell = spell
        bounds = [*(str(float(bound)) for bound in family.buckets), "+Inf"]
        lines = [f'_bucket{{%s,le="{bound}",%s}} %s\n' for bound in bounds]
        lines += ["_count{%s,%s} %s\n", "_sum{%s,%s} %s\n"]
        self._template = "".join(family.name + line for line in lines)
        self._samples = len(lines)

    def lines(self, spelled: Labels, view: SeriesView) -> Forms[str]:
        """Spell the samples of a series, none if the series does not show them."""
        shown = self._value(view)
        if shown is None:
            return NOTHING
        counts = [*accumulate(shown.counts)]
        # One %-format for all lines: labels and value, again and again.
        arguments: list[str | int] = [spelled.before, spelled.after, ""] * self._samples
        arguments[2::3] = [*counts, counts[-1], self._spell(shown.sum)]
        text = self._template % tuple(arguments)
        if not shown.exemplars:
            return Forms(text, text)
        for bucket, exemplar in shown.exemplars.items():
            arguments[3 * bucket + 2] = f"{counts[bucket]}{_spelled(exemplar, self._spell)}"
        return Forms(text, self._template % tuple(arguments))


def _spelled(exemplar: Exemplar, spell: Spell) -> str:
    """Spell what follows a sample's value, nothing if the id is not fit for it."""
    if not EXEMPLAR_ID.fullmatch(exemplar.completion_id):
        return ""
    return f' # {{completion_id="{exemplar.completion_id}"}} {spell(exemplar.value)} {millionths(exemplar.time)}'


SERIES_FAMILIES: Final = (
    Counters(catalog.COMPLETIONS, attrgetter("completions"), exemplar=attrgetter("error_exemplar")),
    Counters(catalog.INPUT_TOKENS, attrgetter("input_tokens")),
    Counters(catalog.OUTPUT_TOKENS, attrgetter("output_tokens")),
    Counters(catalog.CREDITS, attrgetter("credits"), millionths),
    Histograms(catalog.DURATION, attrgetter("duration"), millionths),
    Histograms(catalog.TIME_TO_FIRST_TOKEN, attrgetter("time_to_first_token"), millionths),
    Histograms(catalog.OUTPUT_LENGTH, attrgetter("output_length")),
    Histograms(catalog.COST, attrgetter("cost"), millionths),
    SuccessCounters(catalog.LOW_TOKEN, attrgetter("low_token")),
    SuccessCounters(
        catalog.SLOW_LOW_TOKEN,
        attrgetter("slow_low_token"),
        exemplar=attrgetter("slow_exemplar"),
        spell_exemplar=millionths,
    ),
)
"""In the catalogue's order; the families with a few samples only follow them."""
