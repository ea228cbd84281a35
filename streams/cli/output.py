"""Output of commands: aligned columns, or one JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def columns(rows: Iterable[Sequence[str]], gap: str = "  ") -> list[str]:
    """Return a line for each row, every cell but the last padded to the width of its column."""
    table = [list(row) for row in rows]
    if not table:
        return []
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def print_lines(lines: Iterable[str]) -> None:
    """Print lines to stdout."""
    for line in lines:
        typer.echo(line)


def print_json(document: Any) -> None:
    """Print a document to stdout, indented."""
    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
