"""Contradictions between what operators published and what events taught of a flow (R17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from streams.engine.definitions.node import timeout_sizes
from streams.flows.value_text import value_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.engine.definitions.definition import Definition
    from streams.engine.definitions.node import Given

FOR_PEOPLE = {"id", "type", "description", "additional_meta"}
"""Fields that change no judgement, but for the type `trigger`."""


class Contradiction(NamedTuple):
    """One place where the published and the learned layer of a flow differ, or a lesson is wrong.

    Attributes:
        level: `warning` if runs are judged otherwise than one of the two says, else `note`.
        place: the flow, or `flow/node`.
        message: what differs, for people.
    """

    level: Literal["note", "warning"]
    place: str
    message: str


def contradictions(definition: Definition) -> Iterator[Contradiction]:
    """Yield each contradiction of a flow, as a run that opens now is judged by it."""
    if definition.published:
        yield from _options(definition)
        for node in definition.learned:
            if node in definition.published:
                yield from _node(definition, node)
            else:
                yield _stranger(definition, node)
    yield from _wrong(definition)


def _options(definition: Definition) -> Iterator[Contradiction]:
    yield from _fields(definition.flow, definition.published_options, definition.learned_options)


def _node(definition: Definition, node: str) -> Iterator[Contradiction]:
    place = f"{definition.flow}/{node}"
    yield from _fields(place, definition.published[node], definition.learned[node])


def _fields(place: str, published: Given, learned: Given) -> Iterator[Contradiction]:
    for field, taught in learned.items():
        if field in FOR_PEOPLE:
            continue
        name = "timeout" if field == "conditions" else field
        told = value_text(field, taught)
        if field not in published:
            yield Contradiction(
                "note", place, f"{name} is {told} by events alone, YAML says nothing"
            )
        elif _meaning(field, published) != _meaning(field, learned):
            yaml = value_text(field, published[field])
            yield Contradiction(
                "warning", place, f"{name} is {yaml} in YAML, which wins; events teach {told}"
            )


def _meaning(field: str, given: Given) -> Any:
    return timeout_sizes(given) if field == "conditions" else given[field]


def _stranger(definition: Definition, node: str) -> Contradiction:
    place = f"{definition.flow}/{node}"
    if definition.options.closed:
        return Contradiction(
            "warning", place, "events bring it, and fail: the flow is closed, YAML does not list it"
        )
    return Contradiction(
        "note", place, "comes from events alone: judged when it comes, owed by no run"
    )


def _wrong(definition: Definition) -> Iterator[Contradiction]:
    """Yield what is wrong with lessons on their own."""
    for node, problem in definition.problems.items():
        yield Contradiction(
            "warning", f"{definition.flow}/{node}", f"what events teach is wrong: {problem}"
        )
    for node in definition.nodes.values():
        for dep in node.deps:
            if dep not in definition.nodes:
                place = f"{definition.flow}/{node.id}"
                yield Contradiction(
                    "warning", place, f"depends on {dep!r}, which nobody has defined or sent"
                )
