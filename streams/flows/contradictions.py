"""Where what operators published and what events taught of a flow do not agree (R17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.cli.doctor.findings import Finding
from streams.cli.formatting import value_text
from streams.cli.output import count_of
from streams.engine.definitions.node import timeout_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.engine.definitions.definition import Definition
    from streams.engine.definitions.node import Given

FOR_PEOPLE = {"id", "type", "description", "additional_meta"}
"""Fields that are not judged by, but for a trigger, or only tell what they belong to."""


def check_definitions(definitions: Iterable[Definition]) -> list[Finding]:
    """Return what does not agree in flows, each as a run that opens now is judged by."""
    known = list(definitions)
    found = [finding for definition in known for finding in contradictions(definition)]
    told = count_of(len(known), "flow")
    if not any(finding.level == "warning" for finding in found):
        told += ": YAML and what events taught do not contradict each other"
    return [Finding("definitions", "ok", told), *found]


def contradictions(definition: Definition) -> Iterator[Finding]:
    """Yield a finding for each place where the two layers of a flow do not agree."""
    if definition.published:
        yield from _options(definition)
        for node in definition.learned:
            if node in definition.published:
                yield from _node(definition, node)
            else:
                yield _stranger(definition, node)
    yield from _wrong(definition)


def _options(definition: Definition) -> Iterator[Finding]:
    yield from _fields(definition.flow, definition.published_options, definition.learned_options)


def _node(definition: Definition, node: str) -> Iterator[Finding]:
    place = f"{definition.flow}/{node}"
    yield from _fields(place, definition.published[node], definition.learned[node])


def _fields(place: str, published: Given, learned: Given) -> Iterator[Finding]:
    for field, taught in learned.items():
        if field in FOR_PEOPLE:
            continue
        name = "timeout" if field == "conditions" else field
        told = value_text(field, taught)
        if field not in published:
            yield _finding("note", place, f"{name} is {told} by events alone, YAML says nothing")
        elif _meaning(field, published) != _meaning(field, learned):
            yaml = value_text(field, published[field])
            yield _finding(
                "warning", place, f"{name} is {yaml} in YAML, which wins; events teach {told}"
            )


def _meaning(field: str, given: Given) -> Any:
    return timeout_sizes(given) if field == "conditions" else given[field]


def _stranger(definition: Definition, node: str) -> Finding:
    place = f"{definition.flow}/{node}"
    if definition.options.closed:
        return _finding(
            "warning", place, "events bring it, and fail: the flow is closed, YAML does not list it"
        )
    return _finding("note", place, "comes from events alone: judged when it comes, owed by no run")


def _wrong(definition: Definition) -> Iterator[Finding]:
    """Yield what is wrong with lessons by themselves."""
    for node, problem in definition.problems.items():
        yield _finding(
            "warning", f"{definition.flow}/{node}", f"what events teach is wrong: {problem}"
        )
    for node in definition.nodes.values():
        for dep in node.deps:
            if dep not in definition.nodes:
                place = f"{definition.flow}/{node.id}"
                yield _finding(
                    "warning", place, f"depends on {dep!r}, which nobody has defined or sent"
                )


def _finding(level: Any, place: str, message: str) -> Finding:
    return Finding("definitions", level, f"{place}: {message}")
