"""The JSON Schema of a dashboard, derived from the models of grafana-foundation-sdk.

The SDK's package carries no schema. Its models are generated from the same source as the schema is, so they tell as
much: the type of each attribute, and in ``to_json`` its name and whether it is always there. They check nothing by
themselves. What a model leaves open because it depends on the type of the panel is here what that panel's models say.
"""

from __future__ import annotations

import enum
import inspect
import types
import typing
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol, TypeAlias

from grafana_foundation_sdk.cog.variants import Dataquery
from jsonschema import Draft202012Validator

with warnings.catch_warnings():
    # The SDK advises the second version of the dashboard's schema. Ours are of the first.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.models import bargauge, dashboard, heatmap, prometheus, stat, table, timeseries

Schema: TypeAlias = dict[str, Any]


class Model(Protocol):
    """What every model of the SDK can do."""

    def to_json(self) -> dict[str, object]:
        """Return the members of its JSON object."""


PANELS: Final[Mapping[str, tuple[type[Model], type[Model] | None]]] = {
    "bargauge": (bargauge.Options, None),
    "heatmap": (heatmap.Options, heatmap.FieldConfig),
    "stat": (stat.Options, None),
    "table": (table.Options, table.FieldConfig),
    "timeseries": (timeseries.Options, timeseries.FieldConfig),
}
"""By the type of panel: the model of its options, and of what it adds to a field's configuration, if it adds any."""

_PLAIN: Final[Mapping[object, Schema]] = {
    bool: {"type": "boolean"},
    float: {"type": "number"},
    int: {"type": "integer"},
    object: {},
    str: {"type": "string"},
    types.NoneType: {"type": "null"},
}

_EMPTY: Final[Schema] = {"type": "object", "maxProperties": 0}


def problems(document: object) -> list[str]:
    """Return what is wrong with a dashboard, each with its JSON path: nothing, if it is as the SDK has it."""
    return [f"{error.json_path}: {error.message}" for error in _validator().iter_errors(document)]


@cache
def _validator() -> Draft202012Validator:
    schemas = _Schemas()
    root = schemas.of(dashboard.Dashboard)
    return Draft202012Validator({**root, "$defs": schemas.definitions})


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of a model's JSON object: its name, the types that its value may have, or its one value."""

    name: str
    types: tuple[Any, ...]
    constant: str | None
    required: bool


def _members(model: type[Model]) -> Iterator[_Member]:
    annotations = typing.get_type_hints(model)
    settable = inspect.signature(model).parameters
    required = _json(model, dict.fromkeys(annotations))
    for name, attribute in _json(model, {each: each for each in annotations}).items():
        annotation = annotations[attribute]
        alternatives = typing.get_args(annotation) if typing.get_origin(annotation) is typing.Union else (annotation,)
        yield _Member(
            name,
            # One that need not be there is left out when it is None, and never null.
            types=tuple(each for each in alternatives if name in required or each is not types.NoneType),
            constant=None if attribute in settable else str(getattr(model(), attribute)),
            required=name in required,
        )


def _json(model: type[Model], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of a model that has these attributes, be they of the right type or not."""
    instance = object.__new__(model)
    vars(instance).update(attributes)
    return instance.to_json()


class _Schemas:
    """Turns the SDK's types into schemas. Those of models are definitions, to which the others refer."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}

    def of(self, annotation: Any) -> Schema:
        """Return the schema of a value that is annotated so."""
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Union:
            return self.any_of(arguments)
        if origin is typing.Literal:
            return {"enum": list(arguments)}
        if origin is list:
            return _array(self.of(arguments[0]))
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        if annotation in _PLAIN:
            return _PLAIN[annotation]
        if issubclass(annotation, enum.Enum):
            return {"enum": [each.value for each in annotation]}
        if annotation is Dataquery:
            return self.of(prometheus.Dataquery)
        if annotation is dashboard.Panel:
            return _choice("type", self._kinds(annotation))
        return self._defined(annotation)

    def any_of(self, annotations: Sequence[Any]) -> Schema:
        """Return the schema of a value that is of one of these types."""
        if len(annotations) == 1:
            return self.of(annotations[0])
        if all(hasattr(each, "to_json") for each in annotations):
            return _choice("type", {kind: schema for each in annotations for kind, schema in self._kinds(each).items()})
        return {"anyOf": [self.of(each) for each in annotations]}

    def _kinds(self, model: type[Model]) -> dict[str, Schema]:
        """Return the schemas of a model of which there are several kinds, by the ``type`` of each."""
        if model is dashboard.Panel:
            return {kind: self._panel(*models) for kind, models in PANELS.items()}
        constants = {member.name: member.constant for member in _members(model) if member.constant}
        return {constants["type"]: self.of(model)}

    def _panel(self, options: type[Model], custom: type[Model] | None) -> Schema:
        field_config = self._object(
            dashboard.FieldConfigSource,
            defaults=self._object(dashboard.FieldConfig, custom=self.of(custom) if custom else _EMPTY),
            overrides=_array(
                self._object(dashboard.DashboardFieldConfigSourceOverrides, properties=_array(self._override(custom)))
            ),
        )
        return self._object(dashboard.Panel, options=self.of(options), fieldConfig=field_config)

    def _override(self, custom: type[Model] | None) -> Schema:
        values = self._properties(dashboard.FieldConfig)
        del values["custom"]
        # A field's links go to an address. The SDK has them as links to dashboards too, with all that these need.
        values["links"] = _array(self._object(dashboard.DashboardLink) | {"required": ["title", "url"]})
        if custom:
            values |= {f"custom.{name}": schema for name, schema in self._properties(custom).items()}
        return _choice("id", {name: self._object(dashboard.DynamicConfigValue, value=values[name]) for name in values})

    def _defined(self, model: type[Model]) -> Schema:
        name = f"{model.__module__}.{model.__qualname__}"
        if name not in self.definitions:
            self.definitions[name] = {}  # there already, for a model that holds another of its kind
            self.definitions[name] = self._object(model)
        return {"$ref": f"#/$defs/{name}"}

    def _object(self, model: type[Model], **instead: Schema) -> Schema:
        return {
            "type": "object",
            "required": [member.name for member in _members(model) if member.required],
            "properties": self._properties(model) | instead,
            "additionalProperties": False,
        }

    def _properties(self, model: type[Model]) -> dict[str, Schema]:
        return {
            member.name: self.any_of(member.types) if member.constant is None else {"const": member.constant}
            for member in _members(model)
        }


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _choice(key: str, cases: Mapping[str, Schema]) -> Schema:
    """Return the schema of an object whose member ``key`` tells which of the cases it is.

    An ``anyOf`` would do too, but would say only that none of them fits.
    """
    return {
        "type": "object",
        "required": [key],
        "properties": {key: {"enum": list(cases)}},
        "allOf": [
            {"if": {"properties": {key: {"const": case}}, "required": [key]}, "then": schema}
            for case, schema in cases.items()
        ],
    }
