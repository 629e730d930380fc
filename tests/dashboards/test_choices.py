"""What Grafana makes of choices: the regular expressions that queries get."""

from __future__ import annotations

import pytest

from tests.dashboards import choices
from tests.dashboards.documents import Dashboard

DASHBOARD = Dashboard(
    "made-up.json",
    {
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource"},
                {"name": "model", "type": "query", "allValue": ".+"},
                {"name": "skill", "type": "query", "allValue": ".*"},
            ]
        }
    },
)


def test_all_is_what_the_variable_says() -> None:
    assert choices.texts(DASHBOARD) == {"model": ".+", "skill": ".*"}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["vlmrun-orion-1:pro"], "vlmrun-orion-1:pro"),
        (["document.invoice"], r"document\\.invoice"),
        (["a+b", "c|d"], r"(a\\+b|c\\|d)"),
        (["a\\b"], r"a\\\\b"),
        (["it's (one) [two] {three} $4 ^5 *6 ?7"], r"it\\'s \\(one\\) \\[two\\] \\{three\\} \\$4 \\^5 \\*6 \\?7"),
    ],
)
def test_values_match_themselves_only(values: list[str], text: str) -> None:
    assert choices.texts(DASHBOARD, skill=values) == {"model": ".+", "skill": text}
