"""Draws a definition: as text, and as a Mermaid flowchart."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from schemas.units import NS_PER_MS
from streams.engine.definitions.definition import Options
from streams.engine.text import duration_text
from streams.flows.graph_text import draw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.engine.definitions.definition import Definition, Node


def draw_text(name: str, definition: Definition) -> Iterator[str]:
    """Yield a heading with the options that are not the default, then the drawing, line by line."""
    yield "  ".join([name, *_options(definition)])
    yield ""
    names = max(map(len, definition.nodes), default=0)
    labels = {
        node.id: f"{node.id:<{names}}  {', '.join(_notes(node, definition))}"
        for node in definition.nodes.values()
    }
    yield from draw({node.id: node.deps for node in definition.nodes.values()}, labels)


def draw_mermaid(definition: Definition) -> Iterator[str]:
    """Yield a flowchart; a dotted arrow is a dependency in `any` mode."""
    yield "flowchart TD"
    numbers = {node: f"n{number}" for number, node in enumerate(definition.nodes)}
    for node in definition.nodes.values():
        lines = [node.id, *_notes(node, definition)]
        opening, closing = ("([", "])") if node.trigger else ("[", "]")
        text = "<br/>".join(map(_mermaid_text, lines))
        yield f'    {numbers[node.id]}{opening}"{text}"{closing}'
    for node in definition.nodes.values():
        arrow = "-.->" if node.any_dep else "-->"
        for dep in node.deps:
            if dep in numbers:
                yield f"    {numbers[dep]} {arrow} {numbers[node.id]}"


def _options(definition: Definition) -> Iterator[str]:
    """Yield the options that differ from those of every flow."""
    usual = asdict(Options())
    for name, value in asdict(definition.options).items():
        if value == usual[name]:
            continue
        if name.endswith("_ms"):
            yield f"{name.removesuffix('_ms').replace('_', ' ')} {duration_text(value * NS_PER_MS)}"
        elif name == "closed":
            yield "closed"
        else:
            yield f"{name.replace('_', ' ')} {value}"


def _notes(node: Node, definition: Definition) -> Iterator[str]:
    """Yield what stands beside a node: its checks, its role, and what is wrong with it."""
    yield from _checks(node)
    yield from _role(node)
    for dep in node.deps:
        if dep not in definition.nodes:
            yield f"depends on {dep!r}, which nobody has defined or sent"
    if problem := definition.problems.get(node.id):
        yield f"wrong: {problem}"


def _checks(node: Node) -> Iterator[str]:
    """Yield the conditions on its events."""
    if node.any_dep and len(node.deps) > 1:
        yield "after any of them"
    if node.timeout_ns:
        yield f"within {duration_text(node.timeout_ns)}"
    for kind, program in (("filter", node.filter), ("validator", node.validator)):
        if program is not None:
            yield f"{kind} ({program.engine})"


def _role(node: Node) -> Iterator[str]:
    """Yield how it differs from a node that every run owes."""
    if node.trigger:
        yield "trigger"
    if node.branch is not None:
        yield f"{'exclusive ' if node.given.get('exclusive') else ''}branch {node.branch!r}"
    if node.ends_run:
        yield "ends the run"
    if node.learned:
        yield "learned from events"
    elif not node.required:
        yield "optional"


def _mermaid_text(text: str) -> str:
    return "".join(
        character if character.isalnum() or character in " ._-()," else f"#{ord(character)};"
        for character in text
    )
