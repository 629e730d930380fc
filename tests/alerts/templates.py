"""The PromQL in annotations: what a template asks for, with values in place of its arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

DUMMY: Final = "of-an-alert"
"""Stands for whatever label value the alert has."""

_ACTION: Final = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_PRINTED: Final = re.compile(rf"\bprintf\s+({_STRING})((?:\s+[$.\w]+)*)\s*\|\s*query\b")
_PLAIN: Final = re.compile(rf"\bquery\s+({_STRING})")


def queries(template: str) -> Iterator[str]:
    """Yield every PromQL text that ``template`` asks for.

    Raises ValueError where it cannot be told: a query that is built in another way, arguments that do not fit.
    """
    for action in _ACTION.findall(template):
        printed, plain = _PRINTED.findall(action), _PLAIN.findall(action)
        if len(printed) + len(plain) != len(re.findall(r"\bquery\b", re.sub(_STRING, '""', action))):
            raise ValueError(f"a query that cannot be told: {{{{{action}}}}}")
        for quoted, arguments in printed:
            text: str = json.loads(quoted)
            verbs = re.findall(r"%.", text)
            if verbs != ["%q"] * len(arguments.split()):
                raise ValueError(f"{verbs} do not take {arguments.split()}: {{{{{action}}}}}")
            yield text.replace("%q", json.dumps(DUMMY))
        for quoted in plain:
            yield json.loads(quoted)
