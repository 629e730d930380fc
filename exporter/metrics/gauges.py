"""The completion families with a few samples only: the worst completions, budgets, thresholds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from exporter.metrics import catalog
from exporter.metrics.catalog import Family
from exporter.metrics.snapshot import Snapshot
from exporter.metrics.spelling import Values
from exporter.models import MICRO, SECOND, Offender

UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def collect(snapshot: Snapshot) -> Iterator[tuple[Family, Values]]:
    """Yield these families in the catalogue's order, without samples too."""
    yield catalog.WORST, _worst(snapshot)
    budgets = {(budget.account, budget.name): budget for budget in snapshot.budgets}
    yield catalog.BUDGET, {labels: budget.credits / MICRO for labels, budget in budgets.items()}
    yield catalog.BUDGET_SPENT, {labels: budget.spent / MICRO for labels, budget in budgets.items()}
    yield catalog.BUDGET_START, {labels: budget.start / SECOND for labels, budget in budgets.items()}
    yield catalog.BUDGET_END, {labels: budget.end / SECOND for labels, budget in budgets.items()}
    yield catalog.BUDGET_COMPLETE, {labels: int(budget.complete) for labels, budget in budgets.items()}
    yield catalog.ERROR_BUDGET, {(account,): ratio for account, ratio in snapshot.error_ratios.items()}
    yield catalog.SLOW_LOW_TOKEN_RATIO, dict(sorted(snapshot.slow_ratios.items()))


def _worst(snapshot: Snapshot) -> Values:
    shown: dict[tuple[str, ...], float] = {}
    for offender in snapshot.worst:
        labels = (
            offender.reason,
            offender.account,
            offender.source,
            offender.model,
            offender.skill,
            UNPRINTABLE.sub("\ufffd", offender.completion_id)[:256],
            completion_link(snapshot.link, offender),
        )
        # Ids may show alike; the worst comes first.
        shown.setdefault(labels, offender.value / (MICRO if offender.reason == "credits" else SECOND))
    return shown


def completion_link(template: str, offender: Offender) -> str:
    """Fill the ``links.completion`` template; every value is percent-encoded."""
    link = template
    values = {
        "id": offender.completion_id,
        "source": offender.source,
        "account": offender.account,
        "model": offender.model,
        "skill": offender.skill,
    }
    for name, value in values.items():
        link = link.replace(f"{{{name}}}", quote(value, safe="", errors="replace"))
    return link
