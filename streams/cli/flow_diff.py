"""`duly flow diff`: compares two definitions of a flow."""

from __future__ import annotations

import asyncio
import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.exit_codes import ExitCode
from streams.cli.output import AsJson, print_json, print_lines
from streams.cli.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.flows.changes import Change
    from streams.flows.sources import LoadedDefinition

_INDENT = "    "


def diff(
    before: Annotated[
        str, typer.Argument(metavar="V1", help="A flow file, FLOW, FLOW@VERSION or VERSION.")
    ],
    after: Annotated[
        str,
        typer.Argument(
            metavar="V2", help="The definition to compare it with, named in the same way."
        ),
    ],
    *,
    as_json: AsJson = False,
    fail: Annotated[bool, typer.Option("--fail", help="Exit 1 if there is a difference.")] = False,
) -> None:
    """Compare two definitions, node by node and field by field, and say what each change means.

    Defaults are filled in: only what is judged otherwise is a change. If one side is a file, what
    events taught is left out, because a file does not change it. Two files need no broker.

        duly flow diff shop flows/shop.yaml

        duly flow diff shop@95903e2d5dd08c1a shop@0f2b3c4d5e6f7081 --json
    """
    from streams.cli.kafka import worker_settings
    from streams.flows.changes import changes
    from streams.flows.sources import load_definitions

    sides = asyncio.run(load_definitions(before, after, settings=worker_settings()))
    if any(side.is_file for side in sides):
        sides = [side.published_only() for side in sides]
    first, second = sides
    found = changes(first.definition, second.definition)
    if as_json:
        told = [change._asdict() for change in found]
        print_json({"before": first.name, "after": second.name, "changes": told})
    else:
        print_lines(_as_text(first, second, found))
    if first.definition.flow != second.definition.flow:
        say(f"note: these are two flows, {first.definition.flow} and {second.definition.flow}")
    if fail and found:
        raise typer.Exit(ExitCode.DIFFERENT)


def _as_text(
    first: LoadedDefinition, second: LoadedDefinition, found: Sequence[Change]
) -> Iterator[str]:
    yield f"{first.name} → {second.name}"
    if not found:
        same = first.definition.version == second.definition.version
        yield "the same" if same else "judged alike, though not the same in writing"
    node = None
    for change in found:
        yield from _heading(change, node)
        node = change.node
        if change.field is not None:
            yield from _field(change)
        yield f"{_INDENT * 2 if change.node and change.field else _INDENT}{change.meaning}"


def _heading(change: Change, node: str | None) -> Iterator[str]:
    """Yield the heading of a change: the name of its node, once."""
    if change.node is None or change.node == node:
        return
    sign = "~" if change.field is not None else "+" if change.before is None else "-"
    yield f"{sign} {change.node}"


def _field(change: Change) -> Iterator[str]:
    from streams.flows.value_text import value_text

    lead = f"{_INDENT}{change.field}" if change.node else f"~ {change.field}"
    before, after = value_text(change.field, change.before), value_text(change.field, change.after)
    if "\n" not in before + after:
        yield f"{lead}: {before} → {after}"
        return
    yield f"{lead}:"
    for line in difflib.ndiff(before.splitlines(), after.splitlines()):
        if not line.startswith("?"):
            yield f"{_INDENT * 2}{line}"
