"""`duly flow graph`: draws a flow, as text or for Mermaid."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from streams.cli.output import print_lines


def graph(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FLOW",
            help="A flow (its newest definition), FLOW@VERSION, a version alone, or a flow file.",
        ),
    ],
    *,
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print a Mermaid flowchart instead.")
    ] = False,
) -> None:
    """Draw a flow: its nodes from the top down, and what each of them depends on.

    Each node is shown with its checks and its role. A flow of the broker is drawn as a run that
    opens now is judged, with the nodes that events taught. A file needs no broker.

        duly flow graph flows/shop.yaml

        duly flow graph shop --mermaid > shop.mmd
    """
    from streams.cli.kafka import worker_settings
    from streams.flows.drawing import draw_mermaid, draw_text
    from streams.flows.graph_text import in_ascii
    from streams.flows.sources import load_definitions

    (loaded,) = asyncio.run(load_definitions(source, settings=worker_settings()))
    if mermaid:
        print_lines(draw_mermaid(loaded.definition))
        return
    lines = draw_text(loaded.name, loaded.definition)
    has_boxes = (sys.stdout.encoding or "").lower().startswith("utf")
    print_lines(lines if has_boxes else map(in_ascii, lines))
