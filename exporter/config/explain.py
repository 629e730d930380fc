"""What pydantic finds wrong, in the words of ``problems``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exporter.config.problems import Location, Places, Problem, UnshownValueError, unknown
from exporter.config.schema import ConfigFile, Section


def explain(error: ValidationError, places: Places, root: type[Section] = ConfigFile) -> Iterator[Problem]:
    """Return a problem for each error of a document's validation; ``root`` is the model of the whole document."""
    for details in error.errors(include_url=False):
        # pydantic marks an error in a mapping's key, rather than in its value, with a last part "[key]".
        location = tuple(part for part in details["loc"] if part != "[key]")
        yield Problem(location, _message(details, location, places, root))


def allowed_keys(location: Location, root: type[Section]) -> tuple[str, ...]:
    """Return the keys of the section at a location of a document."""
    section = root
    for part in location:
        if isinstance(part, str) and part in section.model_fields:
            section = _section_in(section.model_fields[part].annotation) or section
    return tuple(section.model_fields)


def _message(details: ErrorDetails, location: Location, places: Places, root: type[Section]) -> str:
    value = details["input"]
    match details["type"], details.get("ctx", {}).get("error"):
        case "value_error", UnshownValueError() as error:
            return str(error)
        case "value_error", error:
            return f"{places.show(value)} {error}"
        case "extra_forbidden", _:
            return unknown(location[-1], "key", allowed_keys(location[:-1], root))
        case "missing", _:
            return "is missing (allowed: a value; there is no default)"
        case "tuple_type", _:
            return f"{_kind(value)} is not a list (allowed: items, each after a dash)"
        case "dict_type", _:
            return f"{_kind(value)} is not a mapping (allowed: keys, each with a value)"
        case _:
            return f"{_kind(value)} is not a mapping (allowed: {', '.join(allowed_keys(location, root))})"


def _kind(value: object) -> str:
    # The kind alone: text where a section belongs may be an API key.
    match value:
        case None:
            return "an empty value"
        case str():
            return "text"
        case tuple():
            return "a list"
        case Mapping():
            return "a mapping"
        case _:
            return "a number" if not isinstance(value, bool) else "a truth value"


def _section_in(annotation: object) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((section for section in map(_section_in, get_args(annotation)) if section is not None), None)
