"""What is not asked of some queries, by the query's name, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

INFINITE: Final[Mapping[str, str]] = {
    "exporter / Rows / Time until caught up": "without end while rows arrive faster than they are read",
}
"""May say +Inf."""

PAST_ONLY: Final[Mapping[str, str]] = {
    "overview / What to look at / Firing alerts": "alerts are pending for longer than the present is long",
}
"""Need not find anything in the present."""

OF_THE_ACCOUNT: Final[Mapping[str, str]] = {
    "credits / Budgets / Burn against pace / used · {{account}}": "budgets are of all that the account does",
}
"""Take no notice of what is chosen but the account."""

_WORKS: Final = "nobody but the exporter knows: it had been at work before its first scrape"
_ODD: Final = "the stand-in does nothing of the kind: 0, which other series say as well"
_MACHINE: Final = "what it took on this machine"

UNCOMPARED: Final[Mapping[str, str]] = {
    "credits / Budgets / Budgets / Credits last": "leaves out late rows, which the history's truth does not tell apart",
    "credits / Budgets / Budgets / Pace of 24 h": "leaves out late rows, which the history's truth does not tell apart",
    "exporter / Polls / Gaps": "the open gap goes up and down from poll to poll",
    "exporter / Polls / API requests per minute / {{code}}": _WORKS,
    "exporter / Polls / Failed polls per minute": _WORKS,
    "exporter / Polls / Duration of the last poll": "another one with each poll",
    "exporter / Rows / Rows per minute by outcome": _WORKS,
    "exporter / Rows / Late completions per minute": _ODD,
    "exporter / Rows / Rejected rows per minute": _ODD,
    "exporter / Rows / Missing values per minute": _WORKS,
    "exporter / Rows / Odd rows and pages per minute / beyond lateness": _ODD,
    "exporter / Rows / Odd rows and pages per minute / amended": _ODD,
    "exporter / Rows / Odd rows and pages per minute / vanished": _ODD,
    "exporter / Rows / Odd rows and pages per minute / unprovable pages": _ODD,
    "exporter / Rows / Odd rows and pages per minute / overflow of {{label}}": _ODD,
    "exporter / Process / Scrape duration": _MACHINE,
    "exporter / Process / CPU": _MACHINE,
    "exporter / Process / Memory": _MACHINE,
    "exporter / Process / Task failures per minute": _ODD,
    "exporter / Process / Refused connections per minute": _ODD,
}
"""Are not compared with the truth."""
