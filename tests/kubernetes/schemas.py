"""Do objects have the fields that Kubernetes and the Prometheus Operator know, and no other?

A cluster drops an unknown field of a custom resource without a word. Rules in CEL (``x-kubernetes-validations``) are
not evaluated here.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import yaml

from tests.kubernetes.manifests import Manifest

VERSIONS: Final = ("1.29", "1.31", "1.34", "1.37")
"""Of Kubernetes: the oldest that the manifests are for, to the newest whose schemas there are."""

_CRDS: Final = Path(__file__).parent / "crds"

_METADATA: Final = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"},
        "namespace": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
"""What these manifests may say of themselves: the schema of a CustomResourceDefinition leaves it out."""


def problems(thing: Manifest) -> list[str]:
    """Say what is wrong with an object, a line for each problem."""
    key = (thing["apiVersion"], thing["kind"])
    if key in _custom():
        found = jsonschema.Draft202012Validator(_custom()[key]).iter_errors(thing)
        return [f"{error.json_path}: {error.message}" for error in found]
    return [problem for version in VERSIONS for problem in _standard(thing, version)]


def _standard(thing: Manifest, version: str) -> list[str]:
    try:
        kubernetes_validate.validate(thing, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"Kubernetes {version}: {'.'.join(str(step) for step in error.path)}: {error.message}"]
    except (kubernetes_validate.SchemaNotFoundError, kubernetes_validate.InvalidSchemaError) as error:
        return [f"Kubernetes {version}: {error}"]
    return []


@cache
def _custom() -> dict[tuple[str, str], dict[str, Any]]:
    """The schemas of custom resources, by API version and kind."""
    schemas = {}
    for file in sorted(_CRDS.glob("*.yaml")):
        spec = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = _METADATA
            schemas[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return schemas


def strict(schema: Any) -> Any:
    """Return a structural schema as JSON Schema in which fields that it does not name are errors."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items() if key != "properties"}
    if "properties" in schema:
        closed["properties"] = {name: strict(field) for name, field in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed.setdefault("additionalProperties", False)
    if schema.get("nullable"):
        closed["type"] = [schema["type"], "null"]
    return closed
