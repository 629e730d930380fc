"""What readers choose on a dashboard: the values that its variables offer, and what queries get of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tests.dashboards.asking import Shown
from tests.dashboards.documents import Dashboard
from tests.dashboards.interpolation import interpolate
from tests.e2e.prometheus import Prometheus

_SPECIAL: Final = re.compile(r"[$^*{}\[\]'+?.()|]")
_LABEL_VALUES: Final = re.compile(r"label_values\((?P<series>.+), (?P<label>\w+)\)")


def texts(dashboard: Dashboard, **chosen: Sequence[str]) -> dict[str, str]:
    """Return what stands for each variable in a query: All, or the values ``chosen``, by variable."""
    variables = {variable["name"]: variable for variable in dashboard.variables if variable["type"] == "query"}
    return {
        name: _alternatives(chosen[name]) if name in chosen else variable["allValue"]
        for name, variable in variables.items()
    }


def offered(server: Prometheus, dashboard: Dashboard, name: str, shown: Shown, **chosen: Sequence[str]) -> list[str]:
    """Return the values that a variable offers, given what is chosen before it, in the order shown."""
    (query,) = (variable["query"] for variable in dashboard.variables if variable["name"] == name)
    written = _LABEL_VALUES.fullmatch(query)
    assert written, f"{name}: {query}"
    series = interpolate(written["series"], texts(dashboard, **chosen))
    times = {"start": f"{shown.start:.3f}", "end": f"{shown.end:.3f}"}
    found: list[str] = server.get(f"label/{written['label']}/values", **{"match[]": series}, **times)
    return sorted(found)


def _alternatives(values: Sequence[str]) -> str:
    """Return a regular expression of PromQL that matches just these values, escaped as Grafana does."""
    # Two backslashes: a string of PromQL, which a matcher is in, takes one of them.
    escaped = [_SPECIAL.sub(r"\\\\\g<0>", value.replace("\\", "\\\\\\\\")) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
