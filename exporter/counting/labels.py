"""Caps on label values: the first so many models and skills of an account keep their names, the rest are ``other``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from exporter.models import NO_SKILL, OTHER, UNKNOWN_MODEL, SeriesKey

UNCOUNTED = frozenset({OTHER, NO_SKILL, UNKNOWN_MODEL})
"""Values of our own, which take no place."""


class LabelCaps:
    """Which label values an account has; grows as rows are counted, and is rebuilt from the series at start."""

    def __init__(self, max_models: int, max_skills: int, known: Iterable[SeriesKey] = ()) -> None:
        self._max = {"model": max_models, "skill": max_skills}
        self._values: set[tuple[str, str, str]] = set()
        self._taken: Counter[tuple[str, str]] = Counter()
        for key in known:
            self._keep(key.account, "model", key.model)
            self._keep(key.account, "skill", key.skill)

    def admit(self, account: str, label: str, value: str) -> bool:
        """Whether ``value`` keeps its name as ``label`` (``model`` or ``skill``); takes a place if it is new.

        A place taken by a row that is then not committed stays taken until the next start: it costs one place, never
        a wrong number.
        """
        if value in UNCOUNTED or (account, label, value) in self._values:
            return True
        if self._taken[account, label] >= self._max[label]:
            return False
        self._keep(account, label, value)
        return True

    def _keep(self, account: str, label: str, value: str) -> None:
        if value not in UNCOUNTED and (account, label, value) not in self._values:
            self._values.add((account, label, value))
            self._taken[account, label] += 1
