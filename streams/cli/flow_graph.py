"""`duly flow graph`: a flow as a picture, in text or for Mermaid."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.units import NS_PER_MS
from streams.cli.output import print_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.engine.definitions.definition import Definition
    from streams.engine.definitions.node import Node
    from streams.flows.sources import Source


def graph(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FLOW",
            help="A flow (the newest definition), FLOW@VERSION, or a flow file.",
        ),
    ],
    *,
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print a Mermaid flowchart instead.")
    ] = False,
) -> None:
    """Draw a flow: its nodes from the top down, and what each of them depends on.

    Beside each node stands what is asked of it. A flow of the broker is shown as a run that opens
    now is judged, with the nodes that events taught. A file needs no broker.

        duly flow graph flows/shop.yaml

        duly flow graph shop --mermaid > shop.mmd
    """
    from streams.cli.graph_text import in_ascii
    from streams.flows.sources import load_sources

    (loaded,) = load_sources(source)
    lines = as_mermaid(loaded.definition) if mermaid else as_text(loaded)
    has_boxes = (sys.stdout.encoding or "").lower().startswith("utf")
    print_lines(lines if mermaid or has_boxes else map(in_ascii, lines))


def as_text(source: Source) -> Iterator[str]:
    """Yield a heading with the options that are not the default, then the drawing."""
    from streams.cli.graph_text import draw

    definition = source.definition
    yield "  ".join([source.name, *_options(definition)])
    yield ""
    names = max(map(len, definition.nodes), default=0)
    labels = {
        node.id: f"{node.id:<{names}}  {', '.join(_demands(node, definition))}"
        for node in definition.nodes.values()
    }
    yield from draw({node.id: node.deps for node in definition.nodes.values()}, labels)


def as_mermaid(definition: Definition) -> Iterator[str]:
    """Yield a flowchart; a dotted arrow is a dependency of which any is enough."""
    yield "flowchart TD"
    numbers = {node: f"n{number}" for number, node in enumerate(definition.nodes)}
    for node in definition.nodes.values():
        lines = [node.id, *_demands(node, definition)]
        opening, closing = ("([", "])") if node.trigger else ("[", "]")
        text = "<br/>".join(map(_mermaid_text, lines))
        yield f'    {numbers[node.id]}{opening}"{text}"{closing}'
    for node in definition.nodes.values():
        arrow = "-.->" if node.any_dep else "-->"
        for dep in node.deps:
            if dep in numbers:
                yield f"    {numbers[dep]} {arrow} {numbers[node.id]}"


def _options(definition: Definition) -> Iterator[str]:
    """Yield the options in force that are not what every flow has."""
    from dataclasses import asdict

    from streams.engine.definitions.definition import Options
    from streams.engine.text import duration_text

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


def _demands(node: Node, definition: Definition) -> Iterator[str]:
    """Yield what is asked of a node, and what is special about it."""
    yield from _checks(node)
    yield from _duties(node)
    for dep in node.deps:
        if dep not in definition.nodes:
            yield f"depends on {dep!r}, which nobody has defined or sent"
    if problem := definition.problems.get(node.id):
        yield f"wrong: {problem}"


def _checks(node: Node) -> Iterator[str]:
    """Yield what its events must satisfy."""
    from streams.engine.text import duration_text

    if node.any_dep and len(node.deps) > 1:
        yield "after any of them"
    if node.timeout_ns:
        yield f"within {duration_text(node.timeout_ns)}"
    for kind, program in (("filter", node.filter), ("validator", node.validator)):
        if program is not None:
            yield f"{kind} ({program.engine})"


def _duties(node: Node) -> Iterator[str]:
    """Yield what makes it more, or less, than a node that every run owes."""
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
