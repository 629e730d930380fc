"""YAML in and out: text to plain data with the line of every key, bounded in size, depth and alias expansion.

Scalars follow YAML 1.2's core schema instead of PyYAML's 1.1, so that ``no`` stays text, ``010`` is ten and ``1:30`` is
not a number in base 60.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from exporter.config.problems import ConfigError, Location, Problem

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32
MAX_VALUES: Final = 20_000

_TAG: Final = "tag:yaml.org,2002:"
_INT: Final = re.compile(r"[-+]?[0-9]{1,18}\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_CORE_SCALARS: Final = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    ("int", _INT, list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
)


class _Loader(yaml.SafeLoader):
    """Composes nodes and leaves their construction to ``_Converter``."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own protocol

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        self._nodes += 1
        mark = parent.start_mark if parent is not None else None
        if self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nested more than {MAX_DEPTH} levels deep", problem_mark=mark)
        if self._nodes > MAX_VALUES:
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_VALUES} keys and values", problem_mark=mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Dumper(yaml.SafeDumper):
    """Quotes what either YAML version would take for something else than text."""

    def ignore_aliases(self, data: object) -> bool:
        return True


for _name, _pattern, _first in _CORE_SCALARS:
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, _first)
    _Dumper.add_implicit_resolver(_TAG + _name, _pattern, _first)


class _TooLargeError(Exception):
    """The document expands beyond the bounds at ``node``."""

    def __init__(self, message: str, node: yaml.Node) -> None:
        super().__init__(message)
        self.line = _line(node)


class _Converter:
    """Turns nodes into dicts, tuples and scalars; notes the line of each key and every problem on the way."""

    def __init__(self) -> None:
        self.lines: dict[Location, int] = {}
        self.problems: list[Problem] = []
        self._values = 0

    def convert(self, node: yaml.Node, location: Location = ()) -> object:
        """Return the data of a node. Raises _TooLargeError beyond the bounds."""
        self.lines.setdefault(location, _line(node))
        self._count(node, len(location))
        if isinstance(node, yaml.MappingNode):
            self._expect_tag(node, location, "map")
            pairs = self._pairs(node, location, len(location))
            for key, (key_node, _) in pairs.items():
                self.lines[(*location, key)] = _line(key_node)
            return {key: self.convert(value, (*location, key)) for key, (_, value) in pairs.items()}
        if isinstance(node, yaml.SequenceNode):
            self._expect_tag(node, location, "seq")
            return tuple(self.convert(item, (*location, index)) for index, item in enumerate(node.value))
        return self._scalar(node, location)

    def _pairs(self, node: yaml.MappingNode, location: Location, depth: int) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Return the keys of a mapping; what a merge key ``<<`` brings in yields to the mapping's own."""
        self._count(node, depth)
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(location, "a key must be text (allowed: key: value)", key_node)
            elif key_node.value == "<<" and not key_node.style:
                merged.extend(value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node])
            elif key_node.value in own:
                first = _line(own[key_node.value][0])
                message = f"duplicate key, first on line {first} (allowed: each key once)"
                self._problem((*location, key_node.value), message, key_node)
            else:
                own[key_node.value] = (key_node, value_node)
        for source in merged:
            if isinstance(source, yaml.MappingNode):
                own = self._pairs(source, location, depth + 1) | own
            else:
                self._problem(location, "<< merges something else than a mapping (allowed: a mapping's alias)", source)
        return own

    def _scalar(self, node: yaml.Node, location: Location) -> object:
        text: str = node.value
        match node.tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" if _INT.fullmatch(text):
                return int(text)
            case "int" | "float" if _FLOAT.fullmatch(text):
                return float(text)
        self._expect_tag(node, location, "str")
        return text

    def _expect_tag(self, node: yaml.Node, location: Location, kind: str) -> None:
        # The tag isn't shown: a secret that starts with "!" and lacks its quotes is one.
        if node.tag != _TAG + kind:
            self._problem(location, "has a YAML tag (allowed: plain values, text that starts with ! in quotes)", node)

    def _problem(self, location: Location, message: str, node: yaml.Node) -> None:
        self.problems.append(Problem(location, message, _line(node)))

    def _count(self, node: yaml.Node, depth: int) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise _TooLargeError(f"holds more than {MAX_VALUES} values once its aliases are expanded", node)
        if depth > MAX_DEPTH:
            raise _TooLargeError(f"nested more than {MAX_DEPTH} levels deep, or an alias holds itself", node)


def read(path: Path) -> bytes:
    """Return what a file holds, up to a byte more than ``parse`` takes. Raises ConfigError."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"{path}: can't be read: {error.strerror} (allowed: a readable YAML file)"]) from None


def parse(content: bytes) -> tuple[object, dict[Location, int], list[Problem]]:
    """Return the data of a YAML document, the line of each of its keys, and what is wrong with its YAML.

    Mappings become dicts and sequences tuples. An empty document is None.
    """
    if len(content) > MAX_BYTES:
        return None, {}, [Problem((), "is larger than 1 MiB (allowed: a configuration of at most 1 MiB)")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return None, {}, [Problem((), "is not UTF-8 text", content.count(b"\n", 0, error.start) + 1)]
    converter = _Converter()
    try:
        node = _compose(text)
        data = converter.convert(node) if node is not None else None
    except _TooLargeError as error:
        return None, {}, [Problem((), str(error), error.line)]
    except yaml.YAMLError as error:
        return None, {}, list(_syntax_problems(error, text))
    return data, converter.lines, converter.problems


def dump(data: object) -> str:
    """Write plain data as YAML in block style, keys in the order given."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _compose(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    except (ValueError, OverflowError) as error:
        # PyYAML passes on what int() and chr() say of an escape such as "\UFFFFFFFF".
        raise yaml.MarkedYAMLError(problem="invalid number or escape", problem_mark=loader.get_mark()) from error
    finally:
        loader.dispose()


def _syntax_problems(error: yaml.YAMLError, text: str) -> Iterator[Problem]:
    message = "cannot be read"
    line = None
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else None
        # Words of the file are left out: an unquoted secret that starts with "*" is an alias to PyYAML.
        message = re.sub(r" '[^<'][^']+'", "", ", ".join(filter(None, (error.context, error.problem))))
    elif isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        message = "control characters are not allowed"
    yield Problem((), f"invalid YAML: {message}", line)


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line
    return line + 1
