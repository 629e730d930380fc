"""The variables that readers choose by: each offers what there is of what was chosen before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import VariableModel, VariableOption, VariableRefresh, VariableSort

from dashboards.source.targets import DATASOURCE
from exporter.metrics import catalog
from exporter.metrics.catalog import Family


@dataclass(frozen=True, slots=True)
class Variable:
    """A label, and the family whose series show its values."""

    name: str
    family: Family


JOB: Final = Variable("job", catalog.BUILD_INFO)
INSTANCE: Final = Variable("instance", catalog.BUILD_INFO)
ACCOUNT: Final = Variable("account", catalog.AUTH_OK)
SOURCE: Final = Variable("source", catalog.SOURCE_UP)
MODEL: Final = Variable("model", catalog.COMPLETIONS)
SKILL: Final = Variable("skill", catalog.COMPLETIONS)
BUDGET: Final = Variable("budget", catalog.BUDGET)

LISTS: Final = (JOB, INSTANCE, ACCOUNT, SOURCE)
COMPLETIONS: Final = (*LISTS, MODEL, SKILL)

_ALL: Final = ".+"
"""What All stands for in a regular expression: any value, and not the absence of the label."""


def build(variables: Sequence[Variable]) -> Iterator[Builder[VariableModel]]:
    """Yield the data source, then the variables in their order, each narrowed by those before it."""
    yield DatasourceVariable("datasource").label("Data source").type("prometheus")
    before: list[str] = []
    for variable in variables:
        offered = [name for name in before if name in ("job", "instance", *variable.family.labels)]
        chosen = ", ".join(f'{name}=~"${name}"' for name in offered)
        series = f"{variable.family.name}{{{chosen}}}" if chosen else variable.family.name
        query = f"label_values({series}, {variable.name})"
        yield (
            QueryVariable(variable.name)
            .label(variable.name.capitalize())
            .datasource(DATASOURCE)
            .query(query)
            .definition(query)
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(VariableSort.ALPHABETICAL_ASC)
            .multi(True)
            .include_all(True)
            .all_value(_ALL)
            .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
        )
        before.append(variable.name)
