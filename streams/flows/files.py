"""Flow files: a flow definition in YAML, one flow a file.

    flow: shop
    window_ms: 60000          # flow options stand here, or under `options:`
    nodes:
      - id: cart
      - id: pay
        dep_ids: [cart]
        conditions: [{timeout_ms: 5000}]
        validator: {engine: python, script: 'data["amount"] == ctx["data"]["total"]'}

All problems of a file are reported at once, each with its line and node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from schemas.errors import InvalidDefinition
from schemas.v1.definition import FlowDefinition, FlowOptions
from schemas.v1.pydantic_errors import explain_unknown_key
from streams.errors import FileProblem, InvalidFlowFile
from streams.flows.checks import check_content
from streams.flows.yaml_lines import LineProblem, YamlDocument, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_FILE_BYTES = 1024 * 1024

_OPTIONS = tuple(FlowOptions.model_fields)
_TOP_KEYS = (*FlowDefinition.model_fields, *_OPTIONS)
_IN_NODE_OR_OPTIONS = re.compile(r"^(nodes\[\d+\]|options)\.?")


@dataclass(frozen=True)
class FlowFile:
    """A flow file that was read and checked, but for its scripts: see `checks.check_files`.

    Attributes:
        path: the file, as it was named.
        definition: `{"flow", "options", "nodes"}`, with what the file gives and no defaults.
        document: the YAML behind it, with the line of each place.
    """

    path: str
    definition: dict[str, Any]
    document: YamlDocument

    @property
    def flow(self) -> str:
        """The name of the flow."""
        return self.definition["flow"]

    def problem(self, place: str, message: str) -> FileProblem:
        """Return a problem at a place of the definition, with its line and node."""
        found = LineProblem(self.document.line_of(place), place, message)
        return _located(self.path, self.document, found)


def load_flow_files(paths: Sequence[str | Path]) -> list[FlowFile]:
    """Read flow files, each of another flow.

    Raises:
        InvalidFlowFile: with the problems of all files.
    """
    files: list[FlowFile] = []
    problems: list[FileProblem] = []
    for path in paths:
        try:
            file = load_flow_file(path)
        except InvalidFlowFile as error:
            problems += error.problems
            continue
        problems += _same_flow(file, files)
        files.append(file)
    if problems:
        raise InvalidFlowFile(problems)
    return files


def load_flow_file(path: str | Path) -> FlowFile:
    """Read one flow file.

    Raises:
        InvalidFlowFile: the file cannot be read or does not hold a usable definition.
    """
    return parse_flow(_read_text(Path(path)), str(path))


def parse_flow(text: str, path: str) -> FlowFile:
    """Read a flow definition from YAML text; `path` is what problems name.

    Raises:
        InvalidFlowFile: the text does not hold a usable definition.
    """
    document = read_yaml(text)
    # Each step trusts what the one before it has checked.
    for step in (_syntax, _top_keys, _twice):
        if problems := list(step(document)):
            raise InvalidFlowFile(_located(path, document, problem) for problem in problems)
    try:
        definition = check_content(_content(document.value))
    except InvalidDefinition as error:
        problems = [
            LineProblem(_line_in_either_form(document, place), place, message)
            for place, _, message in error.problems
        ]
        raise InvalidFlowFile(_located(path, document, one) for one in problems) from error
    return FlowFile(path, definition, document)


def dump_flow(definition: Mapping[str, Any]) -> str:
    """Return a definition as the YAML text of a flow file; scripts of several lines stay so."""
    content = {
        "flow": definition["flow"],
        **definition.get("options", {}),
        "nodes": definition["nodes"],
    }
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Writes YAML as people do: indented lists, block text, no aliases."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - what yaml calls
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - what yaml calls
        return True


def _represent_text(_dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InvalidFlowFile([_whole(path, f"more than {MAX_FILE_BYTES} bytes")])
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidFlowFile([_whole(path, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise InvalidFlowFile([_whole(path, "is not UTF-8 text")]) from error


def _whole(path: Path, message: str) -> FileProblem:
    return FileProblem(str(path), 1, None, message)


def _same_flow(file: FlowFile, others: Iterable[FlowFile]) -> Iterator[FileProblem]:
    for other in others:
        if other.flow == file.flow:
            yield file.problem("flow", f"{file.flow!r} is also defined by {other.path}")


def _located(path: str, document: YamlDocument, problem: LineProblem) -> FileProblem:
    field = _IN_NODE_OR_OPTIONS.sub("", problem.place)
    message = f"{field}: {problem.message}" if field else problem.message
    return FileProblem(path, problem.line, _node_at(document.value, problem.place), message)


def _node_at(value: Any, place: str) -> str | None:
    """Return the id of the node that `place` lies in."""
    if not place.startswith("nodes["):
        return None
    try:
        node_id = value["nodes"][int(place[len("nodes[") : place.index("]")])]["id"]
    except (LookupError, TypeError):
        return None
    return node_id if isinstance(node_id, str) else None


def _syntax(document: YamlDocument) -> Iterator[LineProblem]:
    if document.problems:
        yield from document.problems
    elif document.value is None:
        yield LineProblem(1, "", "the file is empty; a flow file starts with `flow: NAME`")
    elif not isinstance(document.value, dict):
        yield LineProblem(1, "", "a flow file is a mapping that starts with `flow: NAME`")


def _top_keys(document: YamlDocument) -> Iterator[LineProblem]:
    """Find unknown keys beside `flow`: only there options and the definition's keys meet."""
    for key in cast("dict[str, Any]", document.value):
        if key not in _TOP_KEYS:
            yield LineProblem(document.line_of(key), key, explain_unknown_key(key, _TOP_KEYS))


def _twice(document: YamlDocument) -> Iterator[LineProblem]:
    """Find options that stand beside `flow` and in `options`."""
    options = document.value.get("options")
    for key in _OPTIONS:
        if key in document.value and isinstance(options, dict) and key in options:
            place = f"options.{key}"
            message = f"is given twice, also on line {document.line_of(key)}"
            yield LineProblem(document.line_of(place), place, message)


def _content(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definition that a file holds, with its options in a mapping of their own."""
    beside = {key: value for key, value in written.items() if key in _OPTIONS}
    content = {key: value for key, value in written.items() if key not in _OPTIONS}
    options = content.get("options")
    if beside and (options is None or isinstance(options, dict)):
        content["options"] = {**beside, **(options or {})}
    return content


def _line_in_either_form(document: YamlDocument, place: str) -> int:
    beside = place.removeprefix("options.")
    return document.line_of(beside if beside in _OPTIONS and beside in document.lines else place)
