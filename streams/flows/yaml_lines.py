"""Reads YAML as plain JSON values, with the line of each.

Stricter than a YAML load: a duplicate key, a key that is not a string, a number that JSON cannot
represent and a tag of its own are problems. Dates stay the text that the file has.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import yaml
from yaml.constructor import SafeConstructor

MAX_VALUES = 100_000
"""Values in one file, aliases expanded: bounds a file whose aliases multiply."""
MAX_DEPTH = 40

_NUMBERS_AND_CONSTANTS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float")}
_TEXT = {f"tag:yaml.org,2002:{name}" for name in ("str", "timestamp")}
_MERGE = "tag:yaml.org,2002:merge"
_CONTAINERS = {f"tag:yaml.org,2002:{name}" for name in ("map", "seq")}


class LineProblem(NamedTuple):
    """One thing wrong in a file: the line (from 1), the place (`nodes[2].id`), the reason."""

    line: int
    place: str
    message: str


class YamlDocument(NamedTuple):
    """A YAML text that was read: its JSON value, the line of each place, and the problems found."""

    value: Any
    lines: dict[str, int]
    problems: list[LineProblem]

    def line_of(self, place: str) -> int:
        """Return the line of `place`, or of the innermost enclosing place that the file has."""
        while place and place not in self.lines:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        return self.lines.get(place, 1)


def read_yaml(text: str) -> YamlDocument:
    """Read one YAML document; never raises, `problems` has everything that is wrong."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        reader = _Reader()
        value = None if root is None else reader.read(root, "", 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        reason = f"not valid YAML: {error.problem or error.context or error}"
        return YamlDocument(None, {}, [LineProblem(line, "", reason)])
    except yaml.YAMLError as error:
        reason = f"not valid YAML: {' '.join(str(error).split())}"
        return YamlDocument(None, {}, [LineProblem(1, "", reason)])
    except (_TooMuchError, RecursionError):
        reason = f"more than {MAX_VALUES} values, or nested deeper than {MAX_DEPTH}"
        return YamlDocument(None, {}, [LineProblem(1, "", reason)])
    return YamlDocument(value, reader.lines, reader.problems)


def place_of(parent: str, key: str | int) -> str:
    """Return the place of a key or an index inside `parent`: `nodes[2]`, `nodes[2].id`."""
    if isinstance(key, int):
        return f"{parent}[{key}]"
    return f"{parent}.{key}" if parent else key


class _TooMuchError(Exception):
    """The file exceeds `MAX_VALUES` or `MAX_DEPTH`."""


class _Reader:
    """Walks the node tree of a YAML text and records the line of each place."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self.problems: list[LineProblem] = []
        self._values = 0
        self._constructor = SafeConstructor()

    def read(self, node: yaml.Node, place: str, depth: int) -> Any:
        self._values += 1
        if self._values > MAX_VALUES or depth > MAX_DEPTH:
            raise _TooMuchError
        self.lines.setdefault(place, _line(node))
        if isinstance(node, yaml.MappingNode) and node.tag in _CONTAINERS:
            return self._mapping(node, place, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag in _CONTAINERS:
            items = enumerate(node.value)
            return [self.read(item, place_of(place, index), depth + 1) for index, item in items]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place)
        return self._refuse(node, place, f"the tag {node.tag} has no meaning here")

    def _mapping(self, node: yaml.MappingNode, place: str, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag not in _TEXT:
                self._refuse(key_node, place, _why_no_key(key_node))
                continue
            inner = place_of(place, key)
            if key in mapping:
                first = self.lines[inner]
                self._refuse(key_node, inner, f"is given twice, first on line {first}")
                continue
            self.lines[inner] = _line(key_node)
            mapping[key] = self.read(value_node, inner, depth + 1)
        return mapping

    def _scalar(self, node: yaml.ScalarNode, place: str) -> Any:
        if node.tag in _TEXT:
            return node.value
        if node.tag not in _NUMBERS_AND_CONSTANTS:
            return self._refuse(node, place, f"the tag {node.tag} has no meaning here")
        try:
            value: Any = self._constructor.construct_object(node)  # pyright: ignore[reportUnknownMemberType] -- its stub
        except ValueError:
            return self._refuse(node, place, f"{node.value!r} is no number: quote it")
        if _beyond_json(value):
            return self._refuse(node, place, f"JSON has no number {node.value}")
        return value

    def _refuse(self, node: yaml.Node, place: str, message: str) -> None:
        self.problems.append(LineProblem(_line(node), place, message))


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _why_no_key(node: yaml.Node) -> str:
    if node.tag == _MERGE:
        return "merge keys (<<) are not taken: write the fields out"
    written = repr(node.value) if isinstance(node, yaml.ScalarNode) else "that stands here"
    return f"the key {written} is no text: quote it"


def _beyond_json(value: object) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, int) and not -(2**63) <= value < 2**64
